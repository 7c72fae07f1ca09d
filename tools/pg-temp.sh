#!/bin/bash
# A throw-away PostgreSQL server for tests: tools/pg-temp.sh start|migrated|stop|remove DIR [OWNER]
#
# `start` creates and starts it in DIR and prints its conninfo; after a stop or a crash it starts the same server again.
# `migrated` does the same, but with a database blazz_template into which db/ is deployed, to be copied by CREATE DATABASE: the
# files come from build/pg, where they are kept until db/ changes. `stop` stops it at once, as a crash would, and keeps its
# files. `remove` stops and deletes it. With OWNER it is removed when the process OWNER ends in any way.
#
# It listens on a socket in DIR and on a free port of 127.0.0.1, and accepts all connections there without a password. If started
# by root it runs as user postgres. Data is not flushed to disk unless FSYNC=on. DIR should be short and in /tmp: user postgres needs
# access, and a socket's path has at most 107 bytes.
set -euo pipefail

usage() { sed -n '2s/^# //p' "$0" >&2; exit 64; }

here=$(cd "$(dirname "$0")" && pwd)
cache=$here/../build/pg
case $#,${1-} in
2,start | 2,migrated | 2,stop | 2,remove | 3,start | 3,migrated) ;;
*) usage ;;
esac
mkdir -p "$2"
dir=$(cd "$2" && pwd)
bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
cd / # user postgres may not be able to enter where we are

as_postgres() {
	if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

create_empty() {
	as_postgres "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync >"$dir/initdb.log" ||
		{ cat "$dir/initdb.log" >&2; exit 1; }
	echo "include 'temp.conf'" >>"$dir/data/postgresql.conf"
}

# A change of db/, of this file or of PostgreSQL's version requires a new template.
template_key() {
	(cd "$here/.." && find db tools/pg-temp.sh -type f -print0 | sort -z | xargs -0 sha256sum && "$bin/postgres" --version) |
		sha256sum | cut -c 1-16
}

# template_create <folder>: the files of a server that was shut down. The folder appears complete or not at all.
template_create() {
	local at port
	at=$(mktemp -d /tmp/blazz-pg.XXXXXX)
	"$here/pg-temp.sh" start "$at" $$ >/dev/null
	port=$(cat "$at/port")
	"$bin/createdb" -h "$at" -p "$port" -U postgres blazz_template
	(cd "$here/../db" && SQITCH_CONFIG=sqitch.conf SQITCH_FULLNAME=test SQITCH_EMAIL=test@localhost \
		sqitch deploy --verify "db:pg://postgres@/blazz_template?host=$at&port=$port") >"$at/deploy.log" 2>&1 ||
		{ cat "$at/deploy.log" >&2; exit 1; }
	as_postgres "$bin/pg_ctl" stop -s -w -m fast -D "$at/data"
	find "$cache" -mindepth 1 -maxdepth 1 ! -name lock -exec rm -rf {} +
	cp -a "$at/data" "$1.new"
	mv -T "$1.new" "$1"
	rm "$at/deploy.log"
	"$here/pg-temp.sh" remove "$at"
}

create_migrated() {
	local template
	template=$cache/$(template_key)
	mkdir -p "$cache"
	(
		flock 8
		[ -d "$template" ] || template_create "$template" 8>&-
		cp -a "$template" "$dir/data"
	) 8>"$cache/lock"
}

configure() {
	cat >"$dir/data/temp.conf" <<-END
		listen_addresses = '127.0.0.1'
		unix_socket_directories = '$dir'
		fsync = ${FSYNC:-off}
		timezone = 'UTC'
		max_connections = 200
		# Tables that were empty get statistics at once: until then PostgreSQL chooses among their indexes by chance.
		autovacuum_naptime = 1s
	END
	chmod a+r "$dir/data/temp.conf"
}

launch() { as_postgres "$bin/pg_ctl" start -s -w -t 60 -D "$dir/data" -l "$dir/log" -o "-p $1" >/dev/null 2>&1; }

# A port is free if the server could start there. Below 32768, as the kernel assigns higher ones to clients.
# start <how to create it>
start() {
	local port try
	if [ ! -d "$dir/data" ]; then
		chmod 755 "$dir"
		[ "$(id -u)" != 0 ] || chown postgres: "$dir"
		"$1"
		configure
	fi
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

# Runs on when the calling process ends, and keeps none of its descriptors open.
follow() {
	setsid nohup bash -c 'tail --pid="$2" -f /dev/null; exec "$0" remove "$1"' \
		"$here/pg-temp.sh" "$dir" "$1" </dev/null >/dev/null 2>&1 &
}

stop() {
	[ -e "$dir/data/postmaster.pid" ] || return 0
	as_postgres "$bin/pg_ctl" stop -s -w -m immediate -D "$dir/data" >/dev/null
}

# Deletes only files that start wrote: DIR may contain others.
remove() {
	stop
	rm -rf "$dir/data" "$dir"/{initdb.log,log,port} "$dir"/.s.PGSQL.*
	rmdir "$dir" 2>/dev/null || true
}

[ $# = 2 ] || follow "$3"
case $1 in
start) start create_empty ;;
migrated) start create_migrated ;;
stop | remove) "$1" ;;
esac
