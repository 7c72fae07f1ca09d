/* A streaming JSON writer into a buffer: no tree, no snprintf. The writer adds commas and escapes; bytes of a string
 * that are not UTF-8 become U+FFFD. At most 64 levels, asserted. */
#ifndef JSON_WRITER_H
#define JSON_WRITER_H

#include "base/buf.h"

struct json_writer {
	struct buf *out;
	uint64_t need_comma; /* one bit per level */
	unsigned depth;
	bool after_key;
};

struct json_writer json_writer(struct buf *out);
void jw_obj(struct json_writer *w);
void jw_obj_end(struct json_writer *w);
void jw_arr(struct json_writer *w);
void jw_arr_end(struct json_writer *w);
void jw_key(struct json_writer *w, const char *key);
void jw_key_str(struct json_writer *w, struct str key);
void jw_str(struct json_writer *w, struct str v); /* absent: null */
void jw_i64(struct json_writer *w, int64_t v);
void jw_f64(struct json_writer *w, double v); /* shortest form that parses back to v; not finite: null */
void jw_bool(struct json_writer *w, bool v);
void jw_null(struct json_writer *w);
void jw_raw(struct json_writer *w, struct str trusted); /* valid JSON, copied verbatim */

/* Members: key and value. */
void jw_member_str(struct json_writer *w, const char *key, struct str v);  /* absent: writes nothing */
void jw_member_i64(struct json_writer *w, const char *key, int64_t v);
void jw_member_bool(struct json_writer *w, const char *key, bool v);
void jw_member_raw(struct json_writer *w, const char *key, struct str v);  /* absent: writes nothing */

#endif
