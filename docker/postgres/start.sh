#!/bin/bash
# The first start creates the cluster under another name and renames it: it is complete or absent.
set -euo pipefail

bin=/usr/lib/postgresql/17/bin
cluster=/var/lib/postgresql/data/17

if [ ! -d "$cluster" ]; then
	rm -rf "$cluster.new"
	"$bin/initdb" -D "$cluster.new" -U postgres -E UTF8 --locale=C.UTF-8 -A scram-sha-256 \
		--pwfile=/run/secrets/postgres_password
	echo 'host all all all scram-sha-256' >>"$cluster.new/pg_hba.conf"
	mv -T "$cluster.new" "$cluster"
fi
# A new database gets statistics within seconds: docs/install.md.
exec "$bin/postgres" -D "$cluster" -c listen_addresses='*' -c unix_socket_directories=/tmp -c max_connections=200 \
	-c log_min_duration_statement=1s -c jit=off -c autovacuum_naptime=5s
