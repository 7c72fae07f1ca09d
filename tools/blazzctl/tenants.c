/* See tenants.h. */
#include "tenants.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/campaigns_ops.h"
#include "json/json.h"

#define JSON_FILE_MAX (1 << 20)

int tenant_find(struct ctl *ctl, const char *workspace, struct tenant *out, struct err *err)
{
	struct pg *pg;

	if (!workspace)
		return ctl_usage(err, "--workspace is missing");
	if (ctl_pg_admin(ctl, &pg, err) < 0)
		return -1;
	return store_workspace_find(pg, str_of(workspace), &out->id, &out->uuid, err);
}

int tenant_account(struct ctl *ctl, const struct tenant *t, const char *account, struct arena *a,
	struct account_info *out, struct err *err)
{
	struct account_info found;
	struct pg *pg;

	if (ctl_pg_admin(ctl, &pg, err) < 0 || store_account_lock(pg, str_of(account), a, &found, err) < 0)
		return -1;
	if (found.workspace_id != t->id)
		return err_set(err, ERR_INPUT, "unknown", "there is no such account in this workspace");
	*out = found;
	return 0;
}

struct group_search {
	struct str wanted;
	struct uuid uuid;
	bool by_uuid;
	size_t n;
	struct uuid found;
};

static void group_compare(void *ctx, const struct contact_group *g)
{
	struct group_search *s = ctx;

	if (s->by_uuid ? !uuid_eq(&g->uuid, &s->uuid) : !str_eq(g->name, s->wanted))
		return;
	s->n++;
	s->found = g->uuid;
}

int tenant_group(struct ctl *ctl, const struct tenant *t, const char *group, struct uuid *out, struct err *err)
{
	struct group_search s = { .wanted = str_of(group) };
	struct pg *pg;

	s.by_uuid = uuid_parse(s.wanted, &s.uuid);
	if (ctl_pg_admin(ctl, &pg, err) < 0 || store_contact_groups_names(pg, t->id, group_compare, &s, err) < 0)
		return -1;
	if (s.n == 0)
		return err_set(err, ERR_INPUT, "unknown", "there is no such audience in this workspace");
	if (s.n > 1)
		return err_set(err, ERR_INPUT, "ambiguous", "several audiences have this name: use the id");
	*out = s.found;
	return 0;
}

static int stream_read(FILE *f, const char *path, struct buf *out, struct err *err)
{
	while (!feof(f) && !ferror(f) && out->n <= JSON_FILE_MAX)
		out->n += fread(buf_reserve(out, 4096), 1, 4096, f);
	return ferror(f) ? err_set(err, ERR_INPUT, "file", "%s: cannot be read", path) : 0;
}

static int file_read(const char *path, struct buf *out, struct err *err)
{
	FILE *f;
	int rc;

	if (strcmp(path, "-") == 0)
		return stream_read(stdin, path, out, err);
	f = fopen(path, "re");
	if (!f)
		return err_set(err, ERR_INPUT, "file", "%s: %s", path, strerror(errno));
	rc = stream_read(f, path, out, err);
	fclose(f);
	return rc;
}

int ctl_json_read(const char *name, const char *value, bool list, struct arena *a, struct str *out, struct err *err)
{
	struct str text = str_trim(str_of(value));
	struct buf file = BUF_INIT;
	struct json_doc *doc = NULL;
	int rc = -1;

	if (!str_starts(text, STR("{")) && !str_starts(text, STR("["))) {
		if (file_read(value, &file, err) < 0)
			goto out;
		text = buf_str(&file);
	}
	if (text.n > JSON_FILE_MAX) {
		err_set(err, ERR_INPUT, "json", "%s: more than 1 MiB", name);
		goto out;
	}
	if (json_parse(&doc, text, err) < 0) {
		err_wrap(err, "%s", name);
		goto out;
	}
	if (list ? !json_is_arr(json_root(doc)) : !json_is_obj(json_root(doc))) {
		err_set(err, ERR_INPUT, "json", "%s: not a JSON %s", name, list ? "list" : "object");
		goto out;
	}
	*out = arena_str(a, text);
	rc = 0;
out:
	json_free(doc);
	buf_fini(&file);
	return rc;
}

int ctl_instant(const char *name, const char *text, int64_t now_ms, int64_t *out, struct err *err)
{
	int64_t ms;

	if (text[0] == '+' && option_duration_parse(str_of(text + 1), &ms)) {
		*out = now_ms + ms;
		return 0;
	}
	if (option_time_parse(str_of(text), now_ms, &ms)) {
		*out = ms;
		return 0;
	}
	return ctl_usage(err, "%s: %s is neither a time (2026-01-31T12:00:00Z) nor +2h", name, text);
}
