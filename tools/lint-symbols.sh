#!/bin/sh
# No function or variable with external linkage is defined twice, also not in two programs: tools/lint-symbols.sh OBJECT...
# The linker would use the first of the two in the archives of a library, without an error in a test that links both.
set -eu
twice=$(gcc-nm -A -g --defined-only "$@" | awk '
	$2 ~ /^[TDBRC]$/ && $3 != "main" { sub(/:[^:]*$/, "", $1); at[$3] = at[$3] " " $1; n[$3]++ }
	END { for (s in n) if (n[s] > 1) print s ":" at[s] }' | sort)
[ -z "$twice" ] || { echo "$twice"; exit 1; }
