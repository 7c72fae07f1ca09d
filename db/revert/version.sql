BEGIN;
DROP TABLE schema_version;
COMMIT;
