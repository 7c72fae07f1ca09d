#!/bin/bash
# Keeps the tables of settings in the services' READMEs as the services print them: tools/readme-config.sh write|check [BIN]
#
# The table of services/NAME/README.md stands between "<!-- settings of blazz-NAME -->" and "<!-- end -->"; BIN holds the programs
# (build/release/bin).
set -euo pipefail
cd "$(dirname "$0")/.."

bin=${2:-build/release/bin}

# The README of a service with its table made anew.
rendered() { # <program> <readme>
	local line inside=
	while IFS= read -r line; do
		if [ "$line" = "<!-- settings of $1 -->" ]; then
			inside=yes
			printf '%s\n' "$line"
			"$bin/$1" --config-table
		elif [ "$line" = '<!-- end -->' ]; then
			inside=
			printf '%s\n' "$line"
		elif [ -z "$inside" ]; then
			printf '%s\n' "$line"
		fi
	done <"$2"
}

new=$(mktemp)
trap 'rm -f "$new"' EXIT
outdated=0
for main in services/*/main.c; do
	service=$(basename "$(dirname "$main")")
	readme=services/$service/README.md
	grep -qxF "<!-- settings of blazz-$service -->" "$readme" || { echo "$readme: no settings of blazz-$service" >&2; exit 1; }
	rendered "blazz-$service" "$readme" >"$new"
	case "${1:-}" in
	write) cat "$new" >"$readme" ;;
	check) diff -u "$readme" "$new" || { echo "$readme is out of date: tools/readme-config.sh write" >&2; outdated=1; } ;;
	*) sed -n '2s/^# //p' "$0" >&2; exit 64 ;;
	esac
done
exit "$outdated"
