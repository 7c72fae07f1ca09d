BEGIN;
SET LOCAL lock_timeout = '5s';
CREATE OR REPLACE FUNCTION send_window_at(send_window jsonb, time_zone text, at timestamptz, OUT open boolean, OUT until timestamptz)
	LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
	zone text := coalesce(time_zone, 'UTC');
	today date;
BEGIN
	open := true;
	IF send_window IS NULL OR NOT public.send_window_is_valid(send_window) THEN
		RETURN;
	END IF;
	BEGIN
		today := (at AT TIME ZONE zone)::date;
	EXCEPTION
		WHEN invalid_parameter_value THEN
			zone := 'UTC';
			today := (at AT TIME ZONE zone)::date;
	END;
	SELECT coalesce(bool_or(w.opens <= at), false), coalesce(max(w.closes) FILTER (WHERE w.opens <= at), min(w.opens))
	INTO open, until
	FROM (
		SELECT (d.day + (send_window ->> 'from')::time) AT TIME ZONE zone AS opens,
			(d.day + CASE WHEN (send_window ->> 'to')::time <= (send_window ->> 'from')::time THEN 1 ELSE 0 END
				+ (send_window ->> 'to')::time) AT TIME ZONE zone AS closes
		FROM (SELECT today + n AS day FROM generate_series(-1, 8) AS n) AS d
		WHERE coalesce(jsonb_array_length(send_window -> 'days'), 0) = 0
		OR send_window -> 'days' @> to_jsonb(extract(isodow FROM d.day)::integer)
	) AS w
	WHERE w.closes > at;
END
$$;
COMMIT;
