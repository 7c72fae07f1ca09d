#!/bin/sh
# Generates the C code of proto/ into OUTDIR, for #include "blazz/v1/inbound.pb-c.h" with -IOUTDIR.
# The generator gets copies in which every string field has type bytes, which is the same on the wire: protobuf-c's strings
# have no length, end at a NUL and may be invalid UTF-8. libs/wire checks the text itself.
set -eu

if [ $# -ne 1 ]; then
	echo "usage: tools/proto-c.sh OUTDIR" >&2
	exit 2
fi
out=$1
root=$(cd "$(dirname "$0")/.." && pwd)

mkdir -p "$out/proto-c/blazz/v1"
for proto in "$root"/proto/blazz/v1/*.proto; do
	sed -E 's/^( *)(repeated )?string /\1\2bytes /' "$proto" >"$out/proto-c/blazz/v1/$(basename "$proto")"
done
if grep -En '(^|[^a-z])string +[a-z_]+ *=' "$out"/proto-c/blazz/v1/*.proto; then
	echo "tools/proto-c.sh: a string field was not rewritten" >&2
	exit 1
fi
protoc-c -I"$out/proto-c" --c_out="$out" "$out"/proto-c/blazz/v1/*.proto
