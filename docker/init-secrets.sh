#!/bin/bash
# Creates the secrets that compose.yaml mounts: passwords, connection strings, the keyring, the sample receiver's signing secret; for
# Kafka one password per user, and a file with all of them for the broker; age's keys for backups, which needs Debian's package age.
#
# docker/init-secrets.sh [DIR] creates missing files in DIR (docker/secrets) and keeps existing ones, so that it can be run again for
# a release with a new service. PGHOST and PGPORT select another server than the stack's own. Other users cannot enter the folder; the
# files in it are readable, as services run under user ids of their own.
set -euo pipefail
dir=${1:-$(dirname "$0")/secrets}
server="host=${PGHOST:-postgres} port=${PGPORT:-5432} dbname=blazz"

random_hex() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
random_base64() { head -c 32 /dev/urandom | base64 -w 0; }

# Written under another name and renamed: a file is complete or absent.
keep() { # <name> <content>
	[ ! -e "$dir/$1" ] || return 0
	(umask 077; printf '%s\n' "$2" >"$dir/.$1")
	chmod 444 "$dir/.$1"
	mv -f "$dir/.$1" "$dir/$1"
	echo "$dir/$1 is made"
}

# The passwords that migrate sets for the roles, taken from the connection strings.
roles() {
	local file
	for file in "$dir"/*_conninfo; do
		sed -En "s/^.*user=(blazz_[a-z_]+) password=([0-9a-f]+)( .*)?$/ALTER ROLE \1 PASSWORD '\2';/p" "$file"
	done
}

# The users of Kafka, "NAME PASSWORD" a line: chat_sync's file is user chat-sync.
kafka_users() {
	local user
	for user in "$@"; do
		echo "${user//_/-} $(cat "$dir/kafka_$user")"
	done
}

# The public key encrypts backups, the private one opens them: keep it elsewhere, too. It may be moved away from here altogether.
age_keys() {
	[ ! -e "$dir/backup_recipients" ] || return 0
	command -v age-keygen >/dev/null ||
		{ echo "init-secrets: age-keygen is missing (apt install age), or put age's public key into $dir/backup_recipients" >&2; exit 1; }
	[ -e "$dir/backup_identity" ] || keep backup_identity "$(age-keygen 2>/dev/null)"
	keep backup_recipients "$(age-keygen -y "$dir/backup_identity")"
}

mkdir -p -m 700 "$dir"
keep postgres_password "$(random_hex)"
keep keyring "k1:$(random_base64)" # back it up, separately from the database
age_keys
keep hook_secret "whsec_$(random_base64)"
for role in ingest chat_sync webhook_dispatcher campaign_sender cleanup backup admin ops; do
	keep "${role}_conninfo" "$server user=blazz_$role password=$(random_hex)"
done
kafka=(broker topics ingest chat_sync webhook_dispatcher campaign_sender cleanup backup ops)
for user in "${kafka[@]}"; do
	keep "kafka_$user" "$(random_hex)"
done
rm -f "$dir/roles.sql" "$dir/kafka_users"
keep roles.sql "$(roles)" >/dev/null
keep kafka_users "$(kafka_users "${kafka[@]}")" >/dev/null
