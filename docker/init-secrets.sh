#!/bin/bash
# Makes what compose.yaml mounts as secrets, once: passwords, connection strings, the keyring. Existing files are kept.
#
# The folder is closed to others; the files are readable, since services run under a user id of their own.
set -euo pipefail
cd "$(dirname "$0")"

host=${PGHOST:-postgres}
[ ! -d secrets ] || { echo "docker/secrets exists: nothing is changed" >&2; exit 0; }
rm -rf secrets.new
mkdir -m 700 secrets.new
cd secrets.new
random_hex() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

random_hex >postgres_password
echo "k1:$(head -c 32 /dev/urandom | base64 -w 0)" >keyring
for role in ingest chat_sync admin ops; do
	password=$(random_hex)
	echo "host=$host dbname=blazz user=blazz_$role password=$password" >"${role}_conninfo"
	echo "ALTER ROLE blazz_$role PASSWORD '$password';" >>roles.sql
done
chmod 444 -- *
cd ..
mv -T secrets.new secrets
echo "docker/secrets is made: back up the keyring"
