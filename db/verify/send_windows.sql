SELECT 1 / (NOT open AND until = '2026-03-29 18:00Z')::int
FROM send_window_at('{"from": "20:00", "to": "02:30"}', 'Europe/Berlin', '2026-03-29 01:15Z');
