#!/bin/bash
# The first start formats the storage; the marker is written last, so that an interrupted start is repeated.
#
# Each start writes the users of the secret kafka_users (lines "NAME PASSWORD", including the broker's own) into the configuration
# and, once the broker is ready, sets its access control lists to those of /etc/kafka/acls. Until then it is not healthy.
set -euo pipefail
umask 077

java=(java -Xmx"${KAFKA_HEAP:-512m}" -cp '/opt/kafka/*')
home=/var/lib/kafka
config=/tmp/server.properties
client=/tmp/client.properties
login='org.apache.kafka.common.security.plain.PlainLoginModule required'

users=() broker=
while read -r name password; do
	users+=("user_$name=\"$password\"")
	[ "$name" != broker ] || broker=$password
done </run/secrets/kafka_users
own="$login username=\"broker\" password=\"$broker\""

cat /etc/kafka/server.properties - >"$config" <<END
listener.name.inside.plain.sasl.jaas.config=$own ${users[*]};
listener.name.controller.plain.sasl.jaas.config=$own user_broker="$broker";
END
cat >"$client" <<END
bootstrap.servers=127.0.0.1:9092
security.protocol=SASL_PLAINTEXT
sasl.mechanism=PLAIN
sasl.jaas.config=$own;
default.api.timeout.ms=120000
END

if [ ! -e "$home/formatted" ]; then
	rm -rf "$home/data"
	id=$(head -c 16 /dev/urandom | base64 | tr '+/' 'ab' | cut -c 1-22)
	"${java[@]}" kafka.tools.StorageTool format -t "$id" -c "$config"
	touch "$home/formatted"
fi
rm -f /tmp/ready
{
	java -Xmx64m -cp '/opt/kafka/*:/opt/acls' -Dorg.slf4j.simpleLogger.defaultLogLevel=error Acls "$client" /etc/kafka/acls &&
		touch /tmp/ready
} &
exec "${java[@]}" kafka.Kafka "$config"
