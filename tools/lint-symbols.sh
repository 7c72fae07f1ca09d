#!/bin/sh
# No function or variable with external linkage is defined twice in what is linked together: tools/lint-symbols.sh OBJECT...
# The linker would use the first of two in the archives of a library, without an error in a test that links both. Programs are never
# linked together: two services may each have a flush_new().
set -eu
twice=$(gcc-nm -A -g --defined-only "$@" | awk '
	function program(path) { return match(path, /(services|tools)\/[^\/]*\//) ? substr(path, RSTART, RLENGTH) : "libs" }
	$2 ~ /^[TDBRC]$/ && $3 != "main" {
		sub(/:[^:]*$/, "", $1); p = program($1); at[$3] = at[$3] " " $1; n[$3]++; in_libs[$3] += p == "libs"
		if (seen[$3, p]++) same[$3] = 1
	}
	END { for (s in n) if (same[s] || (in_libs[s] && n[s] > 1)) print s ":" at[s] }' | sort)
[ -z "$twice" ] || { echo "$twice"; exit 1; }
