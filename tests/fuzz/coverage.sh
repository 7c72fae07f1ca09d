#!/bin/bash
# The share of the parsers' lines that the corpora checked in reach: tests/fuzz/coverage.sh [fuzz_meta ...]
#
# A line a fuzzer: lines of its parser's files that its corpus runs, of how many. Needs llvm-cov-19 (Debian's llvm-19).
set -euo pipefail
cd "$(dirname "$0")/../.."

declare -A files=(
	[fuzz_bridge]='services/ingest/dialects/(bridge.*|sync_batch|intake)\.c'
	[fuzz_chat_event]='libs/wire/(chat_event.*|shape.*|reveal)\.c'
	[fuzz_composition]='services/campaign-sender/content/.*\.c'
	[fuzz_config]='libs/(config/(config|source|value|print)|service/settings|kafka/config|crypto/seal)\.c|services/ingest/settings\.c'
	[fuzz_dead_letter]='libs/worker/dead_letter\.c|tools/blazzctl/dead_show\.c'
	[fuzz_evolution]='services/ingest/dialects/(evolution.*|webjs.*|address)\.c'
	[fuzz_guard]='libs/http/(guard|networks)\.c'
	[fuzz_inbound]='libs/wire/(inbound.*|shape.*|reveal)\.c'
	[fuzz_json]='libs/json/(json|scan)\.c'
	[fuzz_message_template]='libs/message/(template|placeholder|parameters.*|reasons)\.c'
	[fuzz_message_text]='libs/message/(text_.*|clean|grapheme|reasons)\.c'
	[fuzz_meta]='services/ingest/dialects/(meta.*|intake)\.c'
	[fuzz_erasure]='libs/wire/(erasure|shape.*|reveal)\.c'
	[fuzz_outbound]='libs/wire/(outbound.*|shape.*|reveal)\.c'
	[fuzz_phone]='libs/phone/.*\.cc?|services/ingest/dialects/address\.c'
	[fuzz_provider]='libs/provider/(answer|blazz|bridge|codes|evolution|meta|outcome|waha|webjs|wwebjs)\.c'
	[fuzz_records]='libs/wire/records\.c'
	[fuzz_request]='services/ingest/(routes|proxies)\.c|libs/wire/cloudevents\.c'
	[fuzz_signature]='libs/crypto/webhook_signature\.c|libs/store/secrets\.c|services/ingest/auth\.c'
	[fuzz_waha]='services/ingest/dialects/(waha.*|webjs.*|address)\.c'
	[fuzz_wwebjs]='services/ingest/dialects/(wwebjs.*|webjs.*|sync_batch|address)\.c'
)
out=build/fuzz-lines
covered='-fprofile-instr-generate -fcoverage-mapping'

if [ $# -eq 0 ]; then
	mapfile -t fuzzers < <(printf '%s\n' "${!files[@]}" | sort)
else
	fuzzers=("$@")
fi
make --silent V=fuzz OUT=$out "MODE.fuzz=-O1 -DBLAZZ_FAILPOINTS -fsanitize=fuzzer-no-link $covered" \
	"LINK_MODE=-fsanitize=fuzzer-no-link $covered" "${fuzzers[@]/#/$out/bin/}"
for f in "${fuzzers[@]}"; do
	LLVM_PROFILE_FILE=$out/$f.raw $out/bin/$f -runs=0 tests/fuzz/corpus/$f 2>$out/$f.log
	llvm-profdata-19 merge -o $out/$f.profile $out/$f.raw
	llvm-cov-19 export -format=lcov -instr-profile=$out/$f.profile $out/bin/$f |
		awk -v fuzzer=$f -v wanted="(^|/)(${files[$f]})$" '
			/^SF:/ { counts = substr($0, 4) ~ wanted }
			counts && /^LF:/ { of += substr($0, 4) }
			counts && /^LH:/ { run += substr($0, 4) }
			END { printf "%-18s %5d of %5d lines, %5.1f %%\n", fuzzer, run, of, of ? 100 * run / of : 0 }'
done
