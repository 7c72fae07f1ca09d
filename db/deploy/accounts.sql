-- What sessions report of themselves, for cleanup: their phone number, and how often they were lost; which login codes are to be typed; and the
-- one way in which a workspace gets its primary account. Services require schema version 5 from here on.
BEGIN;
SET LOCAL lock_timeout = '5s';

ALTER TABLE whatsapp_accounts
	ADD COLUMN reported_phone text, -- of the session; null: it has not said
	ADD COLUMN disconnect_count integer NOT NULL DEFAULT 0; -- sessions lost while desired_state was connected, other than by the user

GRANT SELECT (reported_phone, disconnect_count, desired_state), UPDATE (reported_phone, disconnect_count) ON whatsapp_accounts TO blazz_chat_sync;
GRANT SELECT (reported_phone, disconnect_count) ON whatsapp_accounts TO blazz_ops;

ALTER TABLE account_qr ADD COLUMN kind text NOT NULL DEFAULT 'qr' CHECK (kind IN ('qr', 'pairing')); -- pairing: typed on the phone

-- Gives the workspace exactly one primary account, if it has a live one, and returns it. With an account: that one. With null: the
-- present one while it lives, else the best live one: not to be deleted, connected, then by health, then the oldest. Callers that see one workspace only may
-- name no other.
CREATE FUNCTION account_primary(workspace bigint, account bigint) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	caller name := CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role') END;
	chosen bigint;
BEGIN
	IF NOT (pg_has_role(caller, 'blazz_admin', 'USAGE') OR pg_has_role(caller, 'blazz_cleanup', 'USAGE'))
		AND workspace IS DISTINCT FROM nullif(current_setting('blazz.workspace_id', true), '')::bigint THEN
		RAISE EXCEPTION 'the workspace is another one' USING ERRCODE = 'insufficient_privilege';
	END IF;
	PERFORM FROM public.workspaces w WHERE w.id = workspace FOR NO KEY UPDATE;
	SELECT a.id INTO chosen FROM public.whatsapp_accounts a
	WHERE a.workspace_id = workspace AND a.deleted_at IS NULL AND (account IS NULL OR a.id = account)
	ORDER BY a.is_primary DESC, a.desired_state = 'deleted', a.status = 'connected' DESC, a.health_score DESC, a.created_at, a.id LIMIT 1;
	IF chosen IS NULL AND account IS NOT NULL THEN
		RAISE EXCEPTION 'the workspace has no such account' USING ERRCODE = 'no_data_found';
	END IF;
	UPDATE public.whatsapp_accounts a SET is_primary = false, updated_at = now()
	WHERE a.workspace_id = workspace AND a.is_primary AND a.id IS DISTINCT FROM chosen;
	UPDATE public.whatsapp_accounts a SET is_primary = true, updated_at = now()
	WHERE a.workspace_id = workspace AND a.id = chosen AND NOT a.is_primary;
	RETURN chosen;
END
$$;
REVOKE EXECUTE ON FUNCTION account_primary FROM PUBLIC;
GRANT EXECUTE ON FUNCTION account_primary TO blazz_admin, blazz_gateway, blazz_cleanup;

UPDATE schema_version SET version = 5;

COMMIT;
