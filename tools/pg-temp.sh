#!/bin/bash
# A PostgreSQL server of one's own for tests:
#   tools/pg-temp.sh start DIR  creates and starts it in DIR, prints its conninfo; after a stop: starts the same again
#   tools/pg-temp.sh stop DIR   stops it at once, as a crash would; its files stay
#
# It listens on a socket in DIR and on a free port of 127.0.0.1, and trusts everybody there. As root it runs as user
# postgres. Data is not flushed to disk unless FSYNC=on. DIR is at best short and in /tmp: user postgres has to get
# there, and a socket's path has at most 107 bytes.
set -euo pipefail

usage() { sed -n '2,4s/^# \?//p' "$0" >&2; exit 64; }

[ $# = 2 ] || usage
mkdir -p "$2"
dir=$(cd "$2" && pwd)
bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)

as_postgres() {
	if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

create() {
	chmod 755 "$dir"
	[ "$(id -u)" != 0 ] || chown postgres: "$dir"
	as_postgres "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$dir/initdb.log" ||
		{ cat "$dir/initdb.log" >&2; exit 1; }
	cat >>"$dir/data/postgresql.conf" <<-END
		listen_addresses = '127.0.0.1'
		unix_socket_directories = '$dir'
		fsync = ${FSYNC:-off}
		timezone = 'UTC'
		max_connections = 200
	END
}

launch() { as_postgres "$bin/pg_ctl" start -s -w -t 60 -D "$dir/data" -l "$dir/log" -o "-p $1" >/dev/null 2>&1; }

# A port is free when the server could start there. Below 32768: the kernel hands those above to clients.
start() {
	local port try
	cd / # user postgres may not be able to enter where we are
	[ -d "$dir/data" ] || create
	for try in {1..10}; do
		port=$(cat "$dir/port" 2>/dev/null || echo $((15000 + RANDOM % 15000)))
		if launch "$port"; then
			echo "$port" >"$dir/port"
			echo "host=$dir port=$port user=postgres dbname=postgres"
			return
		fi
	done
	tail "$dir/log" >&2
	exit 1
}

stop() {
	cd /
	[ -e "$dir/data/postmaster.pid" ] || return 0
	as_postgres "$bin/pg_ctl" stop -s -w -m immediate -D "$dir/data" >/dev/null
}

case $1 in
start | stop) "$1" ;;
*) usage ;;
esac
