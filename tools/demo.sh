#!/bin/bash
# Runs the whole system on this machine with sample bodies of all dialects: tools/demo.sh [stop DIR]
#
# Starts PostgreSQL, a broker, the services, two webhook receivers, one of which fails half of the time, and a stub that plays Meta's
# API and bridges, in a new folder below /tmp. Has sessions managed on instances that the stub plays, posts every body of $FIXTURES
# (default tests/fixtures: a folder per dialect) as its sender would, sends single messages and a campaign through the stub, waits
# until all are processed and delivered, and prints the results.
# Then it stops and removes everything; with KEEP=1 the system keeps running, and the last lines say how to use and stop it.
# BROKER=kafka runs Apache Kafka instead of the embedded broker; BLAZZ_BIN selects other programs than the release build's.
# It only stops processes that it started.
set -euo pipefail
[ -z "${FIXTURES:-}" ] || FIXTURES=$(realpath -m "$FIXTURES")
cd "$(dirname "$0")/.."

broker=${BROKER:-devbroker}
fixtures=${FIXTURES:-tests/fixtures}
bin=$(realpath -m "${BLAZZ_BIN:-build/release/bin}")
wait_s=60
# Variables for another Blazz or PostgreSQL would override the demo's own configuration.
for name in $(compgen -e | grep -E '^(BLAZZ_|PG)' | grep -vxE 'BLAZZ_(BIN|CACHE)'); do unset "$name"; done
dialects=(meta webjs-raw waha evolution bridge)
services=(ingest chat-sync webhook-dispatcher campaign-sender) # cleanup is started when ingest has a port

# Fixed public ids, so that the demo's URLs are the same every time.
workspace=00000000-0000-4000-8000-000000000001
app=00000000-0000-4000-8000-00000000000a
declare -A account=([meta]=00000000-0000-4000-8000-000000000011 [webjs-raw]=00000000-0000-4000-8000-000000000012
	[waha]=00000000-0000-4000-8000-000000000013 [evolution]=00000000-0000-4000-8000-000000000014
	[bridge]=00000000-0000-4000-8000-000000000015)
declare -A sender=([promo-1]=00000000-0000-4000-8000-000000000021 [promo-2]=00000000-0000-4000-8000-000000000022
	[outlet]=00000000-0000-4000-8000-000000000023)
declare -A endpoint=([healthy]=00000000-0000-4000-8000-0000000000e1 [flaky]=00000000-0000-4000-8000-0000000000e2)

say() { echo "demo: $*"; }
die() { echo "demo: $*" >&2; exit 1; }

# fail <log's name> <what is wrong>
fail() {
	if [ -e "$dir/log/$1" ]; then
		echo "--- end of $1's log" >&2
		tail -n 25 "$dir/log/$1" >&2
		echo "---" >&2
	fi
	die "$2"
}

# Processes. Each runs in a session of its own, so that only `stop_all` ends it, and has $dir in its arguments.

launch() { # <name> <command...>
	local name=$1
	shift
	setsid "$@" </dev/null >"$dir/log/$name" 2>&1 &
	echo $! >"$dir/pid/$name"
}

# The process that `launch` started, while it is running.
pid_of() {
	local pid
	pid=$(cat "$dir/pid/$1" 2>/dev/null) || return 1
	{ tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qF " $dir/" || return 1
	echo "$pid"
}

# until_true <name of the process that does it> <what> <command...>
until_true() {
	local name=$1 what=$2 deadline=$((SECONDS + wait_s)) pid
	shift 2
	until "$@"; do
		pid=$(cat "$dir/pid/$name")
		kill -0 "$pid" 2>/dev/null || fail "$name" "$name ended"
		[ $SECONDS -lt $deadline ] || fail "$name" "$what: not within $wait_s s"
		sleep 0.05
	done
}

stop_one() {
	local pid deadline=$((SECONDS + 20))
	pid=$(pid_of "$1") || return 0
	kill -TERM "$pid" 2>/dev/null || true
	while pid_of "$1" >/dev/null; do
		[ $SECONDS -lt $deadline ] || kill -KILL "$pid" 2>/dev/null || true
		sleep 0.05
	done
}

stop_all() {
	trap '' INT TERM
	for name in cleanup "${services[@]}" provider-stub receiver-healthy receiver-flaky devbroker; do stop_one "$name"; done
	[ ! -e "$dir/kafka" ] || tools/kafka-temp.sh remove "$dir/kafka" || true
	[ ! -e "$dir/pg" ] || tools/pg-temp.sh stop "$dir/pg" || true
	rm -rf -- "$dir"
}

# The configuration of a production service, but for the ports: any free one.

start_postgres() {
	say "PostgreSQL"
	conninfo=$(tools/pg-temp.sh start "$dir/pg") || die "PostgreSQL does not start"
	conninfo=${conninfo/ user=postgres/}
	echo "$conninfo" >"$dir/conninfo"
	(cd db && SQITCH_FULLNAME=demo SQITCH_EMAIL=demo@localhost sqitch deploy --quiet \
		--target "db:pg://postgres@/postgres?host=$dir/pg&port=$(cat "$dir/pg/port")") >"$dir/log/migrate" 2>&1 ||
		fail migrate "the migration failed"
}

start_broker() {
	if [ "$broker" = kafka ]; then
		say "Apache Kafka"
		address=$(tools/kafka-temp.sh start "$dir/kafka") || die "Kafka does not start"
		return
	fi
	say "the embedded broker"
	launch devbroker "$bin/devbroker" --address-file "$dir/devbroker.address" \
		blazz.inbound.v1 blazz.inbound.bulk.v1 blazz.chat-event.v1 blazz.outbound.v1 blazz.campaign-command.v1 blazz.erasure.v1 blazz.http.v1.ingest.dlq \
		blazz.inbound.v1.chat-sync.dlq blazz.inbound.bulk.v1.chat-sync.dlq blazz.chat-event.v1.webhook-dispatcher.dlq \
		blazz.outbound.v1.campaign-sender.dlq blazz.campaign-command.v1.campaign-sender.dlq blazz.chat-event.v1.campaign-sender.dlq
	until_true devbroker "the broker's address" test -s "$dir/devbroker.address"
	address=$(cat "$dir/devbroker.address")
}

# What plays Meta's API and bridges. sending.py sets its accounts and rules, sessions.py its instances.
start_stub() {
	launch provider-stub "$bin/provider-stub" --port-file "$dir/stub.port" --journal "$dir/stub.journal"
	until_true provider-stub "its port" test -s "$dir/stub.port"
	stub="http://127.0.0.1:$(cat "$dir/stub.port")"
}

write_configs() {
	echo "$address" >"$dir/address"
	local kafka="kafka = { bootstrap_servers = \"$address\"; fetch_wait_max_ms = 10; };"
	local webhooks='webhooks = { allow_http = true; allowed_networks = [ "127.0.0.0/8" ]; };'
	local meta="meta = { base_url = \"$stub\"; };"
	local providers='providers = { allow_http = true; allowed_networks = [ "127.0.0.0/8" ]; };'
	cat >"$dir/blazzctl.cfg" <<-END
		postgres = { conninfo = "$conninfo user=blazz_admin"; ops_conninfo = "$conninfo user=blazz_ops"; };
		secrets = { keyring_file = "$dir/secrets/keyring"; };
		$meta
		$webhooks
		$kafka
	END
	cat >"$dir/ingest.cfg" <<-END
		http = { listen = "127.0.0.1:0"; port_file = "$dir/ingest.http"; };
		admin = { listen = "127.0.0.1:0"; port_file = "$dir/ingest.admin"; };
		postgres = { conninfo = "$conninfo user=blazz_ingest"; };
		secrets = { keyring_file = "$dir/secrets/keyring"; };
		$kafka
	END
	cat >"$dir/chat-sync.cfg" <<-END
		admin = { listen = "127.0.0.1:0"; port_file = "$dir/chat-sync.admin"; };
		postgres = { conninfo = "$conninfo user=blazz_chat_sync"; };
		progress = { reset_on_new_cluster = true; };
		$kafka
	END
	cat >"$dir/webhook-dispatcher.cfg" <<-END
		admin = { listen = "127.0.0.1:0"; port_file = "$dir/webhook-dispatcher.admin"; };
		postgres = { conninfo = "$conninfo user=blazz_webhook_dispatcher"; };
		secrets = { keyring_file = "$dir/secrets/keyring"; };
		retry = { claim_interval = "50ms"; };
		breaker = { min_pause = "100ms"; max_pause = "200ms"; };
		progress = { reset_on_new_cluster = true; };
		$webhooks
		$kafka
	END
	cat >"$dir/campaign-sender.cfg" <<-END
		admin = { listen = "127.0.0.1:0"; port_file = "$dir/campaign-sender.admin"; };
		postgres = { conninfo = "$conninfo user=blazz_campaign_sender"; };
		secrets = { keyring_file = "$dir/secrets/keyring"; };
		$meta
		$providers
		progress = { reset_on_new_cluster = true; };
		$kafka
	END
	cat >"$dir/cleanup.cfg" <<-END
		admin = { listen = "127.0.0.1:0"; port_file = "$dir/cleanup.admin"; };
		postgres = { conninfo = "$conninfo user=blazz_cleanup"; };
		secrets = { keyring_file = "$dir/secrets/keyring"; };
		lease = { session_ttl = "6s"; };
		probe = { interval = "200ms"; };
		list = { interval = "1s"; };
		$providers
		$kafka
	END
}

ctl() { "$bin/blazzctl" -c "$dir/blazzctl.cfg" "$@"; }
quietly() { "$@" >>"$dir/log/seed" 2>&1 || fail seed "this failed: $*"; }

random_hex() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; }

make_secrets() {
	local dialect receiver
	mkdir -m 700 "$dir/secrets"
	echo "demo:$(head -c 32 /dev/urandom | base64 -w 0)" >"$dir/secrets/keyring"
	for dialect in "${dialects[@]}" verify-token access-token outlet; do random_hex >"$dir/secrets/$dialect"; done
	for receiver in "${!endpoint[@]}"; do echo "whsec_$(head -c 32 /dev/urandom | base64 -w 0)" >"$dir/secrets/receiver-$receiver"; done
}

add_account() { # <dialect> <session> <options...>
	local dialect=$1 session=$2
	shift 2
	quietly ctl accounts add --workspace "$workspace" --id "${account[$dialect]}" --session "$session" "$@"
	echo "$dialect ${account[$dialect]}" >>"$dir/accounts"
}

# An account that sends: what it posts comes from the stub, as its requests go there.
add_sender() { # <name> <options...>
	local name=$1
	shift
	quietly ctl accounts add --workspace "$workspace" --id "${sender[$name]}" --session "acme-$name" "$@"
	echo "$name ${sender[$name]}" >>"$dir/senders"
}

# The names are those in the sample bodies: Blazz's own contract has Blazz's session_id, the bridges have their own names. Their address is
# no registered instance, so cleanup leaves their sessions alone.
# The samples are from January 2026, so the sync accepts messages of any age.
seed() {
	say "a workspace, a Meta app, an account per dialect"
	quietly ctl workspaces add Acme --id "$workspace" \
		--settings '{"sync":{"window_days":0},"sending":{"opt_out_words":["stop"]}}'
	quietly ctl apps add --id "$app" --name Demo --secret-file "$dir/secrets/meta" \
		--verify-token-file "$dir/secrets/verify-token"
	add_account meta acme-meta --provider meta --app "$app" --phone-number-id 106540352242922 --waba 102290129340398 \
		--phone 15550783881 --primary
	add_account webjs-raw acme-wwebjs --provider webjs --bridge wwebjs --ref acme-support-1 --instance "$stub" \
		--phone 6281234567890 --secret-file "$dir/secrets/webjs-raw"
	add_account waha acme-waha --provider webjs --bridge waha --ref acme-support-1 --instance "$stub" \
		--phone 6281234567890 --secret-file "$dir/secrets/waha"
	add_account evolution acme-evolution --provider webjs --bridge evolution --ref acme-support-1 --instance "$stub" \
		--phone 6281234567890 --secret-file "$dir/secrets/evolution"
	add_account bridge acme-support-1 --provider webjs --bridge blazz --instance "$stub" --phone 6281234567890 \
		--secret-file "$dir/secrets/bridge"
	for n in 1 2; do
		add_sender "promo-$n" --provider meta --app "$app" --phone-number-id "10654035224300$n" --waba 102290129340399 \
			--phone "1555078390$n" --access-token-file "$dir/secrets/access-token"
	done
	add_sender outlet --provider webjs --bridge blazz --instance "$stub" --phone 6281299990001 --secret-file "$dir/secrets/outlet"
}

ready() {
	local port line
	port=$(cat "$dir/$1.admin" 2>/dev/null) && [ -n "$port" ] || return 1
	line=$(exec 3<>"/dev/tcp/127.0.0.1/$port" && printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3 && head -n 1 <&3) 2>/dev/null
	[[ $line == *' 200 '* ]]
}

start_services() {
	say "ingest, chat-sync, webhook-dispatcher and campaign-sender"
	for name in "${services[@]}"; do
		launch "$name" "$bin/blazz-$name" -c "$dir/$name.cfg"
	done
}

# Starts a receiver, and adds an endpoint for it that gets all events of the workspace.
add_receiver() { # <name> <how it behaves> <options of the endpoint...>
	local name=$1 behaviour=$2 file="$dir/receiver-$1.port" secret="$dir/secrets/receiver-$1"
	shift 2
	launch "receiver-$name" "$bin/hook-receiver" --secret-file "$secret" --port-file "$file" $behaviour
	until_true "receiver-$name" "its port" test -s "$file"
	quietly ctl webhook add --workspace "$workspace" --id "${endpoint[$name]}" --url "http://127.0.0.1:$(cat "$file")/events" \
		--name "$name" --secret-file "$secret" "$@"
	echo "$name ${endpoint[$name]}" >>"$dir/endpoints"
}

start_receivers() {
	say "two webhooks: one to a healthy receiver, one to a receiver that fails half the time"
	add_receiver healthy ""
	add_receiver flaky --flap=1000 --schedule "$(printf '1s%.0s,' {1..19})1s"
}

wait_services() {
	for name in "${services[@]}"; do until_true "$name" "$name is ready" ready "$name"; done
	url="http://127.0.0.1:$(cat "$dir/ingest.http")"
}

manage_sessions() {
	BLAZZ_BRIDGES_WEBHOOK_BASE=$url launch cleanup "$bin/blazz-cleanup" -c "$dir/cleanup.cfg"
	until_true cleanup "cleanup is ready" ready cleanup
	script sessions "$workspace" "$url" 2>"$dir/log/sessions" || fail sessions "the sessions are not as they should be"
	pid_of cleanup >/dev/null || fail cleanup "cleanup ended"
}

# blazzctl exits with 1 when a body was rejected, as some samples are meant to be; its output tells whether all were sent.
send() { # <dialect>
	local route=(--account "${account[$1]}")
	case $1 in
	meta) route=(--app "$app") ;;
	bridge) route=(--workspace "$workspace") ;;
	esac
	ctl --json send --url "$url" --dialect "$1" "${route[@]}" --secret-file "$dir/secrets/$1" "$fixtures/$1" \
		>"$dir/sent/$1.json" 2>"$dir/log/send-$1" || [ -s "$dir/sent/$1.json" ] || fail "send-$1" "posting failed"
}

send_all() {
	local dialect
	say "posting $fixtures to $url"
	for dialect in "${dialects[@]}"; do
		[ ! -d "$fixtures/$dialect" ] || send "$dialect"
	done
	pid_of ingest >/dev/null || fail ingest "ingest ended"
	compgen -G "$dir/sent/*" >/dev/null || die "$fixtures has no folder named ${dialects[*]}"
}

send_messages() {
	say "three messages, and a campaign to 300 people through two accounts"
	script sending "$workspace" "$app" 2>"$dir/log/sending" || fail sending "the messages were not sent"
	pid_of campaign-sender >/dev/null || fail campaign-sender "campaign-sender ended"
}

processed() { script processed "$1" 2>"$dir/log/processed"; }
script() { PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 "tools/demo/$1.py" "$bin" "$dir" "${@:2}"; }

report() {
	until_true cleanup "every session is reported as it is observed" processed cleanup
	until_true chat-sync "everything is processed" processed chat-sync
	until_true campaign-sender "everything is sent" processed campaign-sender
	until_true webhook-dispatcher "everything is delivered" processed webhook-dispatcher
	script counts || die "the counts cannot be shown"
	script inbox || die "the inbox cannot be shown"
	script recipients || die "the recipients cannot be shown"
	script webhooks || die "the webhooks cannot be shown"
	script reconciled || die "the sessions cannot be shown"
}

how_to_go_on() {
	cat <<-END

		It keeps running. Its folder is $dir, with logs in log/ and configurations in *.cfg.

		  send      $bin/blazzctl send --url $url \\
		              --workspace $workspace --secret-file $dir/secrets/bridge \\
		              tests/fixtures/bridge/webhook_private_text.json
		  sign      body='{"session_id":"acme-support-1","workspace_id":"$workspace","chat_type":"private",
		              "contact_phone":"+6281298765432","contact_name":"Budi","message_body":"Halo","message_type":"chat",
		              "timestamp":'\$(date +%s)',"has_media":false}'
		            curl -d "\$body" -H 'Content-Type: application/json' -H "X-WhatsApp-Signature: \$(printf %s "\$body" |
		              openssl dgst -sha256 -hmac \$(cat $dir/secrets/bridge) -r | cut -c 1-64)" \\
		              $url/api/whatsapp/webhook
		  look      psql '$conninfo user=blazz_ops'
		  operate   alias ctl='$bin/blazzctl -c $dir/blazzctl.cfg'
		            ctl progress show; ctl dlq list; ctl dlq show --limit 1; ctl sync status; ctl accounts list
		            ctl webhook list; ctl webhook show ${endpoint[flaky]}; ctl retry list
		            ctl messages send --workspace Acme --account acme-promo-1 --to +6281330000009 --text Halo --wait
		            ctl instances list; ctl accounts show acme-east; ctl accounts connect acme-office
		            ctl campaigns list; ctl lanes list; ctl templates list --workspace Acme; ctl audiences list --workspace Acme
		  watch     curl http://127.0.0.1:$(cat "$dir/ingest.admin")/metrics   (ingest; also /readyz, /livez)
		            curl http://127.0.0.1:$(cat "$dir/chat-sync.admin")/metrics   (chat-sync)
		            curl http://127.0.0.1:$(cat "$dir/webhook-dispatcher.admin")/metrics   (webhook-dispatcher)
		            curl http://127.0.0.1:$(cat "$dir/campaign-sender.admin")/metrics   (campaign-sender)
		            curl http://127.0.0.1:$(cat "$dir/cleanup.admin")/metrics   (cleanup)
		            curl $stub/_stats   (what plays Meta and the bridges; also /_journal, /_instances, /_calls)
		            tail -f $dir/log/receiver-flaky   (what it is sent, and what it answers)
		  stop      tools/demo.sh stop $dir
	END
}

run() {
	local program
	[ "$broker" = devbroker ] || [ "$broker" = kafka ] || die "BROKER is devbroker or kafka"
	[ -d "$fixtures" ] || die "$fixtures: no such folder"
	for program in "${services[@]/#/blazz-}" blazz-cleanup blazzctl devbroker hook-receiver provider-stub; do
		[ -x "$bin/$program" ] || die "$bin/$program is missing: make V=release build"
	done
	[ "$broker" != kafka ] || tools/deps.sh kafka
	dir=$(mktemp -d /tmp/blazz-demo.XXXXXX) # short, as socket paths are limited, and in /tmp, which user postgres can access
	trap stop_all EXIT
	trap 'exit 130' INT TERM HUP
	chmod 755 "$dir"
	mkdir "$dir/log" "$dir/pid" "$dir/sent"
	start_postgres
	start_broker
	start_stub
	write_configs
	make_secrets
	[ "$broker" != kafka ] || quietly ctl topics create --replication 1
	start_services
	seed
	start_receivers
	wait_services
	manage_sessions
	send_all
	send_messages
	report
	[ -z "${KEEP:-}" ] || [ "$KEEP" = 0 ] || { how_to_go_on; trap - EXIT; }
}

case "${1:-run}" in
run) run ;;
stop)
	dir=$(cd "${2:?which folder}" && pwd)
	[ -d "$dir/pid" ] && [ -d "$dir/sent" ] || die "$dir is no demo's folder"
	stop_all
	;;
*) sed -n '2s/^# //p' "$0" >&2; exit 64 ;;
esac
