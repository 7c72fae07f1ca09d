/* blazzctl instances add, set: servers of bridges and the keys with which they are called. */
#include "instances.h"

#include <stddef.h>
#include <stdio.h>

#include "base/clock.h"
#include "bridge/call.h"
#include "crypto/ids.h"
#include "sealing.h"

#define CAPACITY_DEFAULT 300
#define CAPACITY_MAX     100000

struct instance_options {
	const char *kind, *url, *capacity, *storage_group, *storage_path, *key_file;
};

#define AT(field) offsetof(struct instance_options, field)

static const struct option_row add_rows[] = {
	{ "kind", OPTION_TEXT, AT(kind), "WORD", "blazz, wwebjs, waha or evolution" },
	{ "url", OPTION_TEXT, AT(url), "URL", "where it is called" },
	{ "capacity", OPTION_TEXT, AT(capacity), "N", "sessions, default 300; WAHA Core has one" },
	{ "storage-group", OPTION_TEXT, AT(storage_group), "NAME",
		"instances of one group share the files of sessions; default: its own" },
	{ "storage-path", OPTION_TEXT, AT(storage_path), "PATH",
		"of a session's files below cleanup's storage.root: workspace_{workspace}/session_{session}" },
	{ "key-file", OPTION_TEXT, AT(key_file), "FILE",
		"its API key, of blazz its signing keys, one per line; - is standard input;\n"
		"                                default of blazz: generates one and prints it" },
	{ 0 },
};

static const struct option_row set_rows[] = {
	{ "url", OPTION_TEXT, AT(url), "URL", "where it is called from now on" },
	{ "capacity", OPTION_TEXT, AT(capacity), "N", "sessions" },
	{ "key-file", OPTION_TEXT, AT(key_file), "FILE",
		"its new API key, of blazz all its signing keys, newest first; - is standard input" },
	{ 0 },
};

int instance_index(const char *text, int64_t *out, struct err *err)
{
	int64_t index;

	if (!str_to_i64(str_of(text), &index) || index < 0 || index > INT32_MAX)
		return ctl_usage(err, "%s is not the index of an instance", text);
	*out = index;
	return 0;
}

void instance_advise(enum bridge_kind kind)
{
	if (kind == BRIDGE_WWEBJS)
		fputs("blazzctl: start this server with AUTO_START_SESSIONS=false: otherwise it starts every session whose files it finds,\n"
		      "also those that run on another instance\n",
			stderr);
}

static int capacity_read(const char *text, int64_t *out, struct err *err)
{
	int64_t n;

	if (!text)
		return 0;
	if (!str_to_i64(str_of(text), &n) || n < 0 || n > CAPACITY_MAX)
		return ctl_usage(err, "--capacity must be 0 to %d", CAPACITY_MAX);
	*out = n;
	return 0;
}

/* Only our own bridge has keys that Blazz may choose. */
static int keys_read(const struct instance_options *o, enum bridge_kind kind, struct sealing_secrets *out,
	struct err *err)
{
	if (!o->key_file && kind != BRIDGE_BLAZZ)
		return ctl_usage(err, "a bridge of kind %s needs --key-file", bridge_word(kind));
	if (sealing_secrets_read(o->key_file, out, err) < 0)
		return -1;
	if (kind == BRIDGE_BLAZZ || out->n == 1)
		return 0;
	sealing_secrets_fini(out);
	return ctl_usage(err, "a bridge of kind %s has one key", bridge_word(kind));
}

/* Builds the request that cleanup will send first: it fails for the same URLs and keys. Without keys the URL is checked. */
static int instance_check(const struct instance_info *i, const struct sealing_secrets *keys, struct err *err)
{
	const struct str any = STR("-");
	const struct str *values = keys->n > 0 ? keys->values : &any;
	const struct bridge_call probe = { .action = BRIDGE_PROBE };
	struct bridge_instance at = { .kind = i->kind, .uuid = i->uuid, .url = i->url, .key = values[0] };
	struct bridge_request request = { 0 };
	struct signing_keys *signing = NULL;
	struct arena *a = arena_new(4096);
	int rc = signing_keys_of(&signing, values, keys->n > 0 ? keys->n : 1, err);

	at.signing = signing;
	if (rc == 0)
		rc = bridge_request_build(&at, &probe, clock_now_ms(), a, &request, err);
	bridge_request_fini(&request);
	signing_keys_free(signing);
	arena_free(a);
	return rc;
}

static int keys_seal(struct ctl *ctl, const struct instance_info *i, const struct sealing_secrets *keys,
	struct buf *out, struct err *err)
{
	bool ours = i->kind == BRIDGE_BLAZZ;
	const struct sealing_member member = { ours ? "signing_keys" : "access_token", keys->values, keys->n, !ours };

	return sealing_seal(ctl, SEALED_INSTANCE, &i->uuid, &member, 1, out, err);
}

/* A generated key is printed only here. */
static void instance_print(const struct instance_info *i, const struct sealing_secrets *keys, bool json)
{
	static const char *const columns[] = { "index", "kind", "url", "key", NULL };
	struct table *t = table_new(columns);

	table_i64(t, i->index);
	table_text(t, str_of(bridge_word(i->kind)));
	table_text(t, i->url);
	table_text(t, keys->made ? keys->values[0] : STR_NONE);
	table_print(t, json);
	table_free(t);
}

static int instance_read(const struct instance_options *o, struct instance_info *i, struct err *err)
{
	*i = (struct instance_info){ .kind = bridge_parse(str_of(o->kind)),
		.url = str_of(o->url),
		.storage_group = o->storage_group ? str_of(o->storage_group) : STR(""),
		.storage_path = o->storage_path ? str_of(o->storage_path) : STR(""),
		.capacity = CAPACITY_DEFAULT };
	uuid_v4(&i->uuid);
	if (!i->kind)
		return ctl_usage(err, "--kind must be blazz, wwebjs, waha or evolution");
	if (!o->url)
		return ctl_usage(err, "instances add needs --url");
	return capacity_read(o->capacity, &i->capacity, err);
}

static int add(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	const struct instance_options *o = options;
	struct sealing_secrets keys = { .n = 0 };
	struct buf sealed = BUF_INIT;
	struct instance_info i;
	struct pg *pg;
	int rc = -1;

	(void)arguments;
	if (instance_read(o, &i, err) < 0 || keys_read(o, i.kind, &keys, err) < 0 ||
		instance_check(&i, &keys, err) < 0 || keys_seal(ctl, &i, &keys, &sealed, err) < 0 ||
		ctl_pg_admin(ctl, &pg, err) < 0)
		goto out;
	i.secrets = buf_str(&sealed);
	if (store_instance_add(pg, &i, err) < 0)
		goto out;
	instance_advise(i.kind);
	instance_print(&i, &keys, ctl->json);
	rc = 0;
out:
	sealing_secrets_fini(&keys);
	buf_fini(&sealed);
	return rc;
}

struct instance_change {
	const struct instance_options *options;
	int64_t index;
	struct arena *arena;
	struct sealing_secrets keys;
	struct buf sealed;
};

static int instance_change(struct ctl *ctl, struct pg *pg, void *ctx, struct err *err)
{
	struct instance_change *c = ctx;
	const struct instance_options *o = c->options;
	struct instance_info i;

	if (store_instance_lock(pg, c->index, c->arena, &i, err) < 0 ||
		capacity_read(o->capacity, &i.capacity, err) < 0 ||
		(o->key_file && keys_read(o, i.kind, &c->keys, err) < 0))
		return -1;
	if (o->url)
		i.url = str_of(o->url);
	if (instance_check(&i, &c->keys, err) < 0)
		return -1;
	if (o->key_file) {
		if (keys_seal(ctl, &i, &c->keys, &c->sealed, err) < 0)
			return -1;
		i.secrets = buf_str(&c->sealed);
	}
	return store_instance_set(pg, &i, err);
}

static int set(struct ctl *ctl, const void *options, char *const *arguments, struct err *err)
{
	struct instance_change c = { .options = options, .arena = arena_new(4096), .sealed = BUF_INIT };
	int rc = instance_index(arguments[0], &c.index, err);

	if (rc == 0)
		rc = ctl_pg_change(ctl, instance_change, &c, err);
	sealing_secrets_fini(&c.keys);
	buf_fini(&c.sealed);
	arena_free(c.arena);
	return rc;
}

const struct command instances_commands[] = {
	{ "instances", "add", NULL, 0, 0, add_rows, sizeof(struct instance_options), "registers a server of a bridge",
		add },
	{ "instances", "set", "INDEX", 1, 1, set_rows, sizeof(struct instance_options),
		"changes where an instance is called, its capacity and its key", set },
	{ 0 },
};
