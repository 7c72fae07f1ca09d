-- Send windows are hours of the local clock, also on the days on which it is put forward or back. No service requires this change, so that
-- schema_version stays.
BEGIN;
SET LOCAL lock_timeout = '5s';

-- Whether the window is open at a time, and until when at least that stays so (null: for ever). A window that is not valid counts as none,
-- a time zone that PostgreSQL does not know as UTC: both may come from workspaces.settings.
-- Open is what the local clock says: an hour that the clock skips has no part in a window, and one that it repeats is inside or outside both
-- times. Windows are compared as local times, since one that is skipped or repeated is not one instant.
CREATE OR REPLACE FUNCTION send_window_at(send_window jsonb, time_zone text, at timestamptz, OUT open boolean, OUT until timestamptz)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	zone text := coalesce(time_zone, 'UTC');
	clock timestamp;
	changes timestamp;
BEGIN
	open := true;
	IF send_window IS NULL OR NOT public.send_window_is_valid(send_window) THEN
		RETURN;
	END IF;
	BEGIN
		clock := at AT TIME ZONE zone;
	EXCEPTION
		WHEN invalid_parameter_value THEN
			zone := 'UTC';
			clock := at AT TIME ZONE zone;
	END;
	SELECT coalesce(bool_or(w.opens <= clock), false), coalesce(max(w.closes) FILTER (WHERE w.opens <= clock), min(w.opens))
	INTO open, changes
	FROM (
		SELECT d.day + (send_window ->> 'from')::time AS opens,
			d.day + CASE WHEN (send_window ->> 'to')::time <= (send_window ->> 'from')::time THEN 1 ELSE 0 END
				+ (send_window ->> 'to')::time AS closes
		FROM (SELECT clock::date + n AS day FROM generate_series(-1, 8) AS n) AS d
		WHERE coalesce(jsonb_array_length(send_window -> 'days'), 0) = 0
		OR send_window -> 'days' @> to_jsonb(extract(isodow FROM d.day)::integer)
	) AS w
	WHERE w.closes > clock;
	until := at + (changes - clock);
	IF until AT TIME ZONE zone <> changes THEN -- the clock is put forward or back before that: it happens at a quarter of an hour
		until := least(until, at + interval '1 day'); -- a week would be 700 of them
		SELECT coalesce(min(q.quarter), until) INTO until
		FROM generate_series(date_bin('15 minutes', at, 'epoch') + interval '15 minutes', until, '15 minutes') AS q (quarter)
		WHERE (q.quarter AT TIME ZONE zone) - (at AT TIME ZONE zone) <> q.quarter - at;
	END IF;
END
$$;

COMMIT;
