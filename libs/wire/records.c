/* The records of an outbox row, in protobuf's encoding but without protobuf-c: a row is written incrementally and
 * read without copying. Invariant: only the exact encoding that records_add() writes is accepted, because ignoring a
 * field that a later version added would publish something other than what was committed. */
#include "wire/records.h"

#include <assert.h>

/* A field's number and wire type 2, "length-delimited". */
#define TAG(number) ((char)((number) << 3 | 2))

enum { TAG_RECORD = TAG(1) };
enum { TAG_TOPIC = TAG(1), TAG_KEY = TAG(2), TAG_VALUE = TAG(3), TAG_HEADER = TAG(4) };
enum { TAG_NAME = TAG(1), TAG_HEADER_VALUE = TAG(2) };

static size_t varint_bytes(size_t v)
{
	size_t n = 1;

	while (v >>= 7)
		n++;
	return n;
}

static void varint_add(struct buf *b, size_t v)
{
	for (; v > 0x7f; v >>= 7)
		buf_add_char(b, (char)(v | 0x80));
	buf_add_char(b, (char)v);
}

static size_t field_bytes(size_t n)
{
	return 1 + varint_bytes(n) + n;
}

/* An absent string is encoded as no field, so that a record without a key stays one. */
static size_t str_field_bytes(struct str s)
{
	return s.p ? field_bytes(s.n) : 0;
}

static void start_add(struct buf *b, char tag, size_t n)
{
	buf_add_char(b, tag);
	varint_add(b, n);
}

static void str_field_add(struct buf *b, char tag, struct str s)
{
	if (!s.p)
		return;
	start_add(b, tag, s.n);
	buf_add_str(b, s);
}

static size_t header_bytes(const struct header *h)
{
	return str_field_bytes(h->name) + str_field_bytes(h->value);
}

void records_add(struct buf *row, struct str topic, struct str key, struct str value, const struct header *headers,
	size_t n_headers)
{
	size_t n = str_field_bytes(topic) + str_field_bytes(key) + str_field_bytes(value);

	assert(topic.n > 0 && n_headers <= RECORD_HEADERS_MAX);
	for (size_t i = 0; i < n_headers; i++)
		n += field_bytes(header_bytes(&headers[i]));
	buf_reserve(row, field_bytes(n));
	start_add(row, TAG_RECORD, n);
	str_field_add(row, TAG_TOPIC, topic);
	str_field_add(row, TAG_KEY, key);
	str_field_add(row, TAG_VALUE, value);
	for (size_t i = 0; i < n_headers; i++) {
		start_add(row, TAG_HEADER, header_bytes(&headers[i]));
		str_field_add(row, TAG_NAME, headers[i].name);
		str_field_add(row, TAG_HEADER_VALUE, headers[i].value);
	}
}

/* Reads a length below 2^32 from the front of *s and removes it there. */
static bool varint_take(struct str *s, size_t *out)
{
	uint64_t v = 0;

	for (size_t i = 0; i < s->n && i < 5; i++) {
		v |= (uint64_t)((unsigned char)s->p[i] & 0x7f) << (7 * i);
		if ((unsigned char)s->p[i] & 0x80)
			continue;
		*s = str_slice(*s, i + 1, s->n);
		*out = v;
		return true;
	}
	return false;
}

/* Reads the next field of *s, whatever its number, and removes it there. */
static bool field_take(struct str *s, char *tag, struct str *out)
{
	struct str rest = str_slice(*s, 1, s->n);
	size_t n;

	if (s->n == 0 || !varint_take(&rest, &n) || n > rest.n)
		return false;
	*tag = s->p[0];
	*out = str_slice(rest, 0, n);
	*s = str_slice(rest, n, rest.n);
	return true;
}

static bool header_read(struct str from, struct header *out)
{
	struct header h = { STR_NONE, STR_NONE };
	struct str field;
	char tag;

	while (from.n > 0) {
		if (!field_take(&from, &tag, &field))
			return false;
		if (tag == TAG_NAME)
			h.name = field;
		else if (tag == TAG_HEADER_VALUE)
			h.value = field;
		else
			return false;
	}
	*out = h;
	return h.name.n > 0;
}

static bool header_append(struct record_view *v, struct str from)
{
	if (v->n_headers == RECORD_HEADERS_MAX || !header_read(from, &v->headers[v->n_headers]))
		return false;
	v->n_headers++;
	return true;
}

static bool record_read(struct str from, struct record_view *out)
{
	struct str field;
	char tag;

	out->topic = out->key = out->value = STR_NONE;
	out->n_headers = 0;
	while (from.n > 0) {
		if (!field_take(&from, &tag, &field))
			return false;
		if (tag == TAG_TOPIC)
			out->topic = field;
		else if (tag == TAG_KEY)
			out->key = field;
		else if (tag == TAG_VALUE)
			out->value = field;
		else if (tag != TAG_HEADER || !header_append(out, field))
			return false;
	}
	return out->topic.n > 0;
}

int records_next(struct str row, size_t *at, struct record_view *out, struct err *err)
{
	struct str rest = str_slice(row, *at, row.n);
	struct record_view view;
	struct str record;
	char tag;

	if (rest.n == 0)
		return 0;
	if (!field_take(&rest, &tag, &record) || tag != TAG_RECORD || !record_read(record, &view))
		return err_reject(err, DEAD_DECODE, "outbox row is corrupt at byte %zu of %zu", *at, row.n);
	*at = row.n - rest.n;
	*out = view;
	return 1;
}
