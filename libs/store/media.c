/* Media of messages; see messages.h. Invariant: a known property of a file is never overwritten; only missing ones are
 * filled in. */
#include "store/columns.h"
#include "store/messages.h"
#include "store/statements.h"

static const struct pg_stmt store = { "media_store", PG_UNNAMED,
	"INSERT INTO chat_media AS h (workspace_id, chat_id, provider_media_id, mime, sha256, file_name, url, size_bytes)"
	" SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[])"
	" ON CONFLICT (workspace_id, chat_id) DO UPDATE SET provider_media_id = coalesce(h.provider_media_id, excluded.provider_media_id),"
	" mime = coalesce(h.mime, excluded.mime), sha256 = coalesce(h.sha256, excluded.sha256),"
	" file_name = coalesce(h.file_name, excluded.file_name), url = coalesce(h.url, excluded.url),"
	" size_bytes = coalesce(h.size_bytes, excluded.size_bytes), updated_at = now()" };

const struct pg_stmt *const media_statements[] = { &store, NULL };

int store_media(struct pg *pg, const struct media_row *rows, size_t n, struct err *err)
{
	struct columns c;

	if (n == 0)
		return 0;
	columns_init(&c);
	for (size_t i = 0; i < n; i++) {
		columns_row(&c);
		columns_i64(&c, rows[i].workspace_id);
		columns_i64(&c, rows[i].chat_id);
		columns_text(&c, rows[i].provider_media_id);
		columns_text(&c, rows[i].mime);
		columns_text(&c, rows[i].sha256);
		columns_text(&c, rows[i].file_name);
		columns_text(&c, rows[i].url);
		columns_id(&c, rows[i].size_bytes);
	}
	return columns_start(&c, pg, &store, err);
}
