#!/bin/sh
# No function or variable with external linkage is defined twice, also not in two programs: tools/lint-symbols.sh OBJECT...
# A library's archive would supply whichever of the two is found first, and a test that links both would not be told.
set -eu
twice=$(gcc-nm -A -g --defined-only "$@" | awk '
	$2 ~ /^[TDBRC]$/ && $3 != "main" { sub(/:[^:]*$/, "", $1); at[$3] = at[$3] " " $1; n[$3]++ }
	END { for (s in n) if (n[s] > 1) print s ":" at[s] }' | sort)
[ -z "$twice" ] || { echo "$twice"; exit 1; }
