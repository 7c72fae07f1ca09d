/* Sealing for configuration commands. Invariant: an open secret is in memory only while the command runs, and is
 * wiped. */
#include "sealing.h"

#include <string.h>

#include "crypto/ids.h"
#include "crypto/sealed_row.h"
#include "json/json.h"
#include "json/writer.h"

#define SEALING_TEXT_BYTES 65536 /* reserved at once: growing would leave secrets in freed memory */

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

static bool is_replaced(struct str name, const struct sealing_change *c)
{
	for (size_t i = 0; i < c->n; i++)
		if (str_is(name, c->members[i].name))
			return true;
	return c->name_of_switch && str_is(name, c->name_of_switch);
}

static void others_write(struct json_writer *w, const json *former, const struct sealing_change *c)
{
	struct json_iter it = json_iter(former);
	struct buf one = BUF_INIT;
	const json *v;

	buf_reserve(&one, SEALING_TEXT_BYTES);
	while ((v = json_next(&it))) {
		buf_clear(&one);
		if (!is_replaced(json_iter_key(&it), c) && json_write_without(v, NULL, 0, &one, NULL) == 0) {
			jw_key_str(w, json_iter_key(&it));
			jw_raw(w, buf_str(&one));
		}
	}
	ctl_secret_free(&one);
}

int sealing_reseal(struct ctl *ctl, const char *what, const struct uuid *row, const struct sealing_opened *former,
	const struct sealing_change *c, struct buf *out, struct err *err)
{
	struct buf plain = BUF_INIT;
	struct json_writer w = json_writer(&plain);
	const struct keyring *keyring;
	int rc;

	buf_reserve(&plain, SEALING_TEXT_BYTES);
	jw_obj(&w);
	for (size_t i = 0; i < c->n; i++)
		member_write(&w, &c->members[i]);
	if (c->name_of_switch && c->on)
		jw_member_bool(&w, c->name_of_switch, true);
	others_write(&w, former ? json_root(former->doc) : NULL, c);
	jw_obj_end(&w);
	rc = ctl_keyring(ctl, &keyring, err);
	if (rc == 0)
		rc = row_seal(keyring, what, row, buf_str(&plain), out, err);
	ctl_secret_free(&plain);
	return rc;
}

int sealing_seal(struct ctl *ctl, const char *what, const struct uuid *row, const struct sealing_member *members,
	size_t n, struct buf *out, struct err *err)
{
	const struct sealing_change all = { .members = members, .n = n };

	return sealing_reseal(ctl, what, row, NULL, &all, out, err);
}

int sealing_open(struct ctl *ctl, const char *what, const struct uuid *row, struct str sealed,
	struct sealing_opened *out, struct err *err)
{
	struct sealing_opened o = { .doc = NULL };
	const struct keyring *keyring;
	int rc = -1;

	buf_reserve(&o.text, SEALING_TEXT_BYTES);
	if (!sealed.p)
		buf_add_str(&o.text, STR("{}"));
	else if (ctl_keyring(ctl, &keyring, err) < 0 || row_unseal(keyring, what, row, sealed, &o.text, err) < 0)
		goto out;
	rc = json_parse(&o.doc, buf_str(&o.text), err);
out:
	if (rc < 0)
		ctl_secret_free(&o.text);
	else
		*out = o;
	return rc;
}

void sealing_opened_fini(struct sealing_opened *o)
{
	json_free(o->doc);
	ctl_secret_free(&o->text);
	*o = (struct sealing_opened){ .doc = NULL };
}

size_t sealing_count(struct ctl *ctl, const char *what, const struct uuid *row, struct str sealed,
	const char *const *members, bool *known)
{
	struct sealing_opened o;
	size_t n = 0;

	*known = !sealed.p;
	if (!sealed.p || !ctl->settings.keyring || sealing_open(ctl, what, row, sealed, &o, NULL) < 0)
		return 0;
	*known = true;
	for (; *members; members++)
		n += json_count(json_get(json_root(o.doc), *members));
	sealing_opened_fini(&o);
	return n;
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

static bool has(const struct sealing_secrets *s, struct str secret)
{
	for (size_t i = 0; i < s->n; i++)
		if (str_eq(s->values[i], secret))
			return true;
	return false;
}

static int list_add(struct sealing_list *l, struct str secret, struct err *err)
{
	if (l->n == OPTION_TEXTS_MAX)
		return err_set(err, ERR_INPUT, "secret", "at most %d secrets of a kind", OPTION_TEXTS_MAX);
	l->values[l->n++] = secret;
	return 0;
}

int sealing_list_edit(struct sealing_list *l, const struct sealing_opened *o, const struct sealing_edit *e,
	struct err *err)
{
	struct json_iter it = json_iter(json_get(json_root(o->doc), e->member));
	struct sealing_list edited = { .n = 0 };
	size_t removed = 0;
	const json *v;

	for (size_t i = 0; i < e->added.n; i++)
		if (list_add(&edited, e->added.values[i], err) < 0)
			return -1;
	while ((v = json_next(&it))) {
		if (has(&e->removed, json_str(v)))
			removed++;
		else if (!has(&e->added, json_str(v)) && list_add(&edited, json_str(v), err) < 0)
			return -1;
	}
	if (removed < e->removed.n)
		return err_set(err, ERR_INPUT, "secret", "of %zu secrets to remove %zu are there", e->removed.n,
			removed);
	if (e->keep > 0 && edited.n > (size_t)e->keep)
		edited.n = (size_t)e->keep;
	*l = edited;
	return 0;
}

int sealing_edit_read(const struct sealing_edit_options *o, const char *member, struct sealing_edit *out,
	struct err *err)
{
	struct sealing_edit e = { .member = member, .keep = o->keep };

	if (o->add_file && o->make)
		return ctl_usage(err, "a secret is read or made up, not both");
	if ((o->add_file || o->make) && sealing_secrets_read(o->add_file, &e.added, err) < 0)
		return -1;
	if (o->remove_file && sealing_secrets_read(o->remove_file, &e.removed, err) < 0) {
		sealing_edit_fini(&e);
		return -1;
	}
	*out = e;
	return 0;
}

void sealing_edit_fini(struct sealing_edit *e)
{
	sealing_secrets_fini(&e->added);
	sealing_secrets_fini(&e->removed);
}
