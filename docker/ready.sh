#!/bin/bash
# Ends with 0 when the service answers "ready" on its admin port: ready PORT. The images have no HTTP client.
exec 3<>"/dev/tcp/127.0.0.1/$1" && printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3 && read -r line <&3 && [[ $line == *' 200 '* ]]
