BEGIN;
UPDATE schema_version SET version = 2;
DROP FUNCTION day_partitions_maintain(text, integer, integer);
DROP FUNCTION day_partitions_role(text);
COMMIT;
