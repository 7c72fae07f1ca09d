#!/bin/bash
# The first start formats the storage; the marker comes last, so that what an interrupted one left is done again.
set -euo pipefail

java=(java -Xmx"${KAFKA_HEAP:-512m}" -cp '/opt/kafka/*')
home=/var/lib/kafka

if [ ! -e "$home/formatted" ]; then
	rm -rf "$home/data"
	id=$(head -c 16 /dev/urandom | base64 | tr '+/' 'ab' | cut -c 1-22)
	"${java[@]}" kafka.tools.StorageTool format -t "$id" -c /etc/kafka/server.properties
	touch "$home/formatted"
fi
exec "${java[@]}" kafka.Kafka /etc/kafka/server.properties
