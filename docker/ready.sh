#!/bin/bash
# Exits with 0 when the service answers "ready" on its admin port, on any of the container's addresses: ready PORT. The images have
# no HTTP client.
ask() { exec 3<>"/dev/tcp/$1/$2" && printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3 && read -r line <&3 && [[ $line == *' 200 '* ]]; }

for address in $(hostname -I); do
	(ask "$address" "$1") 2>/dev/null && exit
done
exit 1
