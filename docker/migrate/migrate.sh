#!/bin/bash
# Creates database blazz if it is missing, deploys the schema, sets the passwords of the services' roles.
set -euo pipefail

PGPASSWORD=$(cat /run/secrets/postgres_password)
export PGPASSWORD PGHOST="${PGHOST:-postgres}" PGUSER=postgres

[ "$(psql -d postgres -tAc "SELECT count(*) FROM pg_database WHERE datname = 'blazz'")" = 1 ] || createdb blazz
cd /db
sqitch deploy db:pg:blazz
psql -d blazz -q -v ON_ERROR_STOP=1 -f /run/secrets/roles.sql
