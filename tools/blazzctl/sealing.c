/* Sealing for configuration commands. Invariant: an open secret is in memory only while the command runs, and is wiped. */
#include "sealing.h"

#include <string.h>

#include "crypto/ids.h"
#include "json/writer.h"

static void member_write(struct json_writer *w, const struct sealing_member *m)
{
	if (m->n == 0)
		return;
	jw_key(w, m->name);
	if (m->single) {
		jw_str(w, m->values[0]);
		return;
	}
	jw_arr(w);
	for (size_t i = 0; i < m->n; i++)
		jw_str(w, m->values[i]);
	jw_arr_end(w);
}

int sealing_seal(struct ctl *ctl, const char *what, const struct uuid *row, const struct sealing_member *members,
	size_t n, struct buf *out, struct err *err)
{
	struct buf plain = BUF_INIT, bound = BUF_INIT;
	struct json_writer w = json_writer(&plain);
	const struct keyring *keyring;
	char id[37];
	int rc = -1;

	uuid_format(row, id);
	buf_printf(&bound, "%s:%s", what, id);
	buf_reserve(&plain, 65536); /* at once: a secret must not stay behind in memory that was outgrown */
	jw_obj(&w);
	for (size_t i = 0; i < n; i++)
		member_write(&w, &members[i]);
	jw_obj_end(&w);
	if (ctl_keyring(ctl, &keyring, err) == 0)
		rc = seal(keyring, buf_str(&bound), buf_str(&plain), out, err);
	ctl_secret_free(&plain);
	buf_fini(&bound);
	return rc;
}

static int lines_split(struct sealing_secrets *s, struct err *err)
{
	struct str rest = buf_str(&s->text), line;

	while (rest.n > 0) {
		str_cut(rest, '\n', &line, &rest);
		if (line.p + line.n == s->text.p + s->text.n)
			rest = STR_NONE;
		line = str_trim(line);
		if (line.n == 0)
			continue;
		if (s->n == OPTION_TEXTS_MAX)
			return ctl_usage(err, "a file holds at most %d secrets", OPTION_TEXTS_MAX);
		s->values[s->n++] = line;
	}
	return s->n > 0 ? 0 : err_set(err, ERR_INPUT, "secret", "the file holds no secret");
}

int sealing_secrets_read(const char *file, struct sealing_secrets *out, struct err *err)
{
	struct sealing_secrets s = { .made = !file };
	char token[44];

	if (file) {
		if (ctl_secret_read(file, &s.text, err) < 0)
			return -1;
	} else {
		token_new(token);
		buf_add_str(&s.text, str_of(token));
		explicit_bzero(token, sizeof(token));
	}
	if (lines_split(&s, err) < 0) {
		sealing_secrets_fini(&s);
		return -1;
	}
	*out = s;
	return 0;
}

void sealing_secrets_fini(struct sealing_secrets *s)
{
	ctl_secret_free(&s->text);
	*s = (struct sealing_secrets){ .n = 0 };
}
