-- The contact of a message's conversation; null in groups, and in messages of programs that do not know the column.
BEGIN;
SET LOCAL lock_timeout = '5s';

ALTER TABLE chats ADD COLUMN peer_id bigint;

-- Keys are "workspace:id".
CREATE FUNCTION backfill_chat_peers(after text, n integer) RETURNS TABLE (next text, rows integer) LANGUAGE sql
	SET search_path = pg_catalog, pg_temp AS $$
	WITH page AS MATERIALIZED (
		SELECT c.workspace_id, c.id FROM public.chats AS c
		WHERE (c.workspace_id, c.id) > (coalesce(nullif(split_part(after, ':', 1), '')::bigint, 0), coalesce(nullif(split_part(after, ':', 2), '')::bigint, 0))
		ORDER BY c.workspace_id, c.id LIMIT n
	), written AS (
		UPDATE public.chats AS c SET peer_id = v.contact_id FROM page AS p, public.conversations AS v
		WHERE (c.workspace_id, c.id) = (p.workspace_id, p.id) AND (v.workspace_id, v.id) = (c.workspace_id, c.conversation_id)
			AND c.peer_id IS NULL AND v.contact_id IS NOT NULL
		RETURNING c.id
	)
	SELECT (SELECT workspace_id || ':' || id FROM page ORDER BY page.workspace_id DESC, page.id DESC LIMIT 1), (SELECT count(*)::integer FROM written)
$$;
REVOKE EXECUTE ON FUNCTION backfill_chat_peers FROM PUBLIC;
INSERT INTO backfills (name) VALUES ('chat_peers');

COMMIT;
