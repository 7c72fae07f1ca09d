#!/bin/bash
# Keeps the README's tables of settings as the services print them: tools/readme-config.sh write|check [BIN]
#
# A table stands between "<!-- settings of blazz-NAME -->" and "<!-- end -->"; BIN holds the programs (build/release/bin).
set -euo pipefail
cd "$(dirname "$0")/.."

bin=${2:-build/release/bin}
readme=README.md

# The README with every table made anew.
rendered() {
	local line program inside=
	while IFS= read -r line; do
		if [[ $line =~ ^'<!-- settings of '(blazz-[a-z-]+)' -->'$ ]]; then
			program=${BASH_REMATCH[1]}
			inside=yes
			printf '%s\n' "$line"
			"$bin/$program" --config-table
		elif [ "$line" = '<!-- end -->' ]; then
			inside=
			printf '%s\n' "$line"
		elif [ -z "$inside" ]; then
			printf '%s\n' "$line"
		fi
	done <"$readme"
}

# Every service has its table.
for main in services/*/main.c; do
	name=blazz-$(basename "$(dirname "$main")")
	grep -qxF "<!-- settings of $name -->" "$readme" || { echo "$readme: no settings of $name" >&2; exit 1; }
done
new=$(mktemp)
trap 'rm -f "$new"' EXIT
rendered >"$new"
case "${1:-}" in
write) cat "$new" >"$readme" ;;
check) diff -u "$readme" "$new" || { echo "$readme is out of date: tools/readme-config.sh write" >&2; exit 1; } ;;
*) sed -n '2s/^# //p' "$0" >&2; exit 64 ;;
esac
