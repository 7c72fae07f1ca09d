BEGIN;
UPDATE schema_version SET version = 1;
-- Messages not moved yet stay where they are: earlier releases cannot finish a merge or a rename.
DO $$
BEGIN
	IF EXISTS (SELECT FROM conversation_merges) OR EXISTS (SELECT FROM sender_renames) THEN
		RAISE EXCEPTION 'merges or renames are pending: let chat-sync finish them first';
	END IF;
END
$$;
DROP TABLE sender_renames, conversation_merges;
COMMIT;
