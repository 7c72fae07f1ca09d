#!/bin/bash
# One throw-away Kafka broker (KRaft) on loopback, for tests: tools/kafka-temp.sh start|stop|restart|remove|pid DIR [OWNER]
#
# `start` prints the bootstrap address once the broker is ready. All its files are under DIR; `restart`, and `start` after a
# kill, keep the port and the data; `remove` stops it and deletes DIR's files. With `start DIR OWNER` it is removed when the
# process OWNER ends in any way. It stops only the process that it started. The jars come from tools/deps.sh kafka;
# BLAZZ_KAFKA_WAIT_S (default 120) limits the wait. An empty BLAZZ_KAFKA_JIT enables Java's optimising compiler, which starts more
# slowly and then needs less CPU.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
jars="${BLAZZ_CACHE:-$HOME/.cache/blazz}/kafka-4.3.0"
wait_s=${BLAZZ_KAFKA_WAIT_S:-120}

die() { echo "kafka-temp: $*" >&2; exit 1; }

java=(java -Xmx512m -XX:+UseSerialGC ${BLAZZ_KAFKA_JIT--XX:TieredStopAtLevel=1} -Dorg.slf4j.simpleLogger.showDateTime=true
	-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS -cp "$jars/*")

# The process in DIR/pid, if it is running and is the broker of this DIR.
broker_pid() {
	local pid
	pid=$(cat "$dir/pid" 2>/dev/null) || return 1
	tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF "kafka.Kafka $dir/server.properties" || return 1
	echo "$pid"
}

# Two free ports below the ephemeral range: a client that retries a closed port in that range may connect to itself, and
# the broker could not reopen its port after a restart.
pick_ports() {
	python3 - <<-'END'
		import random, socket
		held = []
		while len(held) < 2:
		    s = socket.socket()
		    try:
		        s.bind(("127.0.0.1", random.randint(15000, 32000)))
		        held.append(s)
		    except OSError:
		        s.close()
		print(*(s.getsockname()[1] for s in held))
	END
}

write_properties() {
	local port controller
	read -r port controller < <(pick_ports)
	echo "127.0.0.1:$port" >"$dir/address"
	cat >"$dir/server.properties" <<-END
		process.roles=broker,controller
		node.id=1
		controller.quorum.voters=1@127.0.0.1:$controller
		listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller
		advertised.listeners=PLAINTEXT://127.0.0.1:$port
		controller.listener.names=CONTROLLER
		log.dirs=$dir/data
		auto.create.topics.enable=false
		offsets.topic.num.partitions=1
		offsets.topic.replication.factor=1
		transaction.state.log.num.partitions=1
		transaction.state.log.replication.factor=1
		transaction.state.log.min.isr=1
		share.coordinator.state.topic.num.partitions=1
		share.coordinator.state.topic.replication.factor=1
		share.coordinator.state.topic.min.isr=1
		group.initial.rebalance.delay.ms=0
		group.min.session.timeout.ms=1000
		log.cleaner.dedupe.buffer.size=2097152
		message.max.bytes=8388608
		socket.request.max.bytes=104857600
		${BLAZZ_KAFKA_PROPERTIES:-}
	END
}

# The marker is written last: an interrupted run is repeated.
set_up() {
	local id
	rm -rf "$dir/data"
	write_properties
	id=$(head -c 16 /dev/urandom | base64 | tr '+/' 'ab' | cut -c 1-22)
	"${java[@]}" kafka.tools.StorageTool format -t "$id" -c "$dir/server.properties" >"$dir/format.log" 2>&1 ||
		die "formatting failed: $(tail -n 3 "$dir/format.log")"
	touch "$dir/formatted"
}

wait_ready() {
	local deadline=$((SECONDS + wait_s))
	until grep -q 'Kafka Server started' "$dir/log"; do
		broker_pid >/dev/null || die "the broker ended: $(grep -iE 'error|exception' "$dir/log" | tail -n 3)"
		[ $SECONDS -lt $deadline ] || die "not ready after $wait_s s, see $dir/log"
		sleep 0.1
	done
}

start() {
	command -v java >/dev/null || die "java is missing: tools/deps.sh kafka"
	[ -d "$jars" ] || die "$jars is missing: tools/deps.sh kafka"
	if ! broker_pid >/dev/null; then
		[ -e "$dir/formatted" ] || set_up
		: >"$dir/log"
		setsid nohup "${java[@]}" kafka.Kafka "$dir/server.properties" </dev/null >"$dir/log" 2>&1 &
		echo $! >"$dir/pid"
		wait_exec
		wait_ready
	fi
	cat "$dir/address"
}

# Runs on when the calling process ends, and keeps none of its descriptors open.
follow() {
	setsid nohup bash -c 'tail --pid="$2" -f /dev/null; exec "$0" remove "$1"' \
		"$here/${0##*/}" "$dir" "$1" </dev/null >/dev/null 2>&1 &
}

# Waits until setsid and nohup have executed java: broker_pid recognises it by its arguments.
wait_exec() {
	local deadline=$((SECONDS + 10))
	until broker_pid >/dev/null || [ $SECONDS -ge $deadline ]; do sleep 0.02; done
}

stop() {
	local pid deadline=$((SECONDS + 20))
	pid=$(broker_pid) || return 0
	kill -TERM "$pid"
	kill -CONT "$pid"
	while broker_pid >/dev/null; do
		[ $SECONDS -lt $deadline ] || kill -KILL "$pid" 2>/dev/null || true
		sleep 0.1
	done
}

# Deletes only files that start wrote: DIR may contain others.
remove() {
	stop
	rm -rf "$dir/data" "$dir"/{address,format.log,formatted,log,pid,server.properties}
	rmdir "$dir" 2>/dev/null || true
}

[ $# -eq 2 ] || [ "$1 $#" = 'start 3' ] || { sed -n '2s/^# //p' "$0" >&2; exit 64; }
mkdir -p "$2"
dir=$(cd "$2" && pwd)
case "$1" in
start) [ $# -eq 2 ] || follow "$3"; start ;;
stop) stop ;;
restart) stop; start ;;
remove) remove ;;
pid) broker_pid || die "not running" ;;
*) sed -n '2s/^# //p' "$0" >&2; exit 64 ;;
esac
