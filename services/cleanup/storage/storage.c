/* Which account is looked at next, and what is written about it; see storage.h. */
#include "cleanup/storage/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "cleanup/policy/storage_path.h"
#include "cleanup/storage/measuring.h"
#include "store/cleanup_storage.h"

#define DAY_US (INT64_C(86400) * 1000000)

struct storage {
	struct storage_options options;
	int root_fd; /* -1: nothing is checked */
	size_t next; /* where the search goes on */
	struct measuring *measuring; /* NULL: none */
	struct uuid account; /* whose files it measures */
};

int storage_open(struct storage **out, const struct storage_options *options, struct err *err)
{
	struct storage *s;
	int fd = options->root[0] ? open(options->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (options->root[0] && fd < 0)
		return err_set(err, ERR_INPUT, "storage", "storage.root: %s", strerror(errno));
	s = mem_calloc(1, sizeof(*s));
	s->options = *options;
	s->root_fd = fd;
	*out = s;
	return 0;
}

void storage_close(struct storage **storage)
{
	struct storage *s = *storage;

	*storage = NULL;
	if (!s)
		return;
	measuring_free(&s->measuring);
	if (s->root_fd >= 0)
		close(s->root_fd);
	free(s);
}

static const struct instance *instance_of(const struct storage *s, const struct account *a)
{
	const struct instance *at =
		a->row.instance_index < 0 ? NULL : fleet_find(s->options.fleet, a->row.instance_index);

	return at && at->row.storage_path.n > 0 ? at : NULL;
}

static bool is_due(const struct storage *s, const struct account *a, int64_t now_us)
{
	return !account_is_deleted(a) && a->storage_due_us <= now_us &&
		(a->row.storage_checked_us == PG_NO_TIME ||
			now_us - a->row.storage_checked_us >= s->options.interval_ms * 1000) &&
		instance_of(s, a);
}

/* One round over all accounts at most. */
static struct account *next_due(struct storage *s, int64_t now_us)
{
	struct account *a;

	while ((a = accounts_each(s->options.accounts, &s->next)))
		if (is_due(s, a, now_us))
			return a;
	s->next = 0;
	return NULL;
}

static int result_write(struct account *a, const struct storage_found *found, struct str path,
	const struct record_target *to, struct err *err)
{
	const struct account_key key = { a->row.workspace_id, a->row.id };
	const struct storage_row row = { key, path, found->exists ? found->bytes : -1 };

	if (lease_begin(to->lease, err) < 0 || store_cleanup_storage(lease_pg(to->lease), &row, err) < 0)
		return -1;
	if (!found->exists && a->observed == OBSERVED_CONNECTED)
		record_notice(to, &a->row,
			&(struct notice_record){ "storage_missing", SEVERITY_WARNING,
				STR("The session is connected, but its files are not where its instance keeps them."),
				to->now_ms * 1000 / DAY_US * DAY_US });
	return lease_commit(to->lease, err);
}

/* Relative to the root. */
static bool path_of(const struct storage *s, const struct account *a, struct buf *path)
{
	const struct instance *at = instance_of(s, a);
	char workspace[37];

	uuid_format(&a->row.workspace, workspace);
	return at && storage_path_expand(at->row.storage_path, str_of(workspace), account_session_name(a), path);
}

static void measuring_begin(struct storage *s, struct account *a)
{
	struct buf path = BUF_INIT;
	struct err why;

	s->account = a->row.uuid;
	if (!path_of(s, a, &path))
		log_warn("session has no path", LOG_I("account_id", a->row.id));
	else if (measuring_start(&s->measuring, storage_measure, s->root_fd, buf_str(&path), &why) < 0)
		log_warn("session's files not measured", LOG_I("account_id", a->row.id), LOG_ERR(&why));
	buf_fini(&path);
}

/* What was found where the account's files no longer are says nothing. */
static int measuring_finish(struct storage *s, const struct record_target *to, struct err *err)
{
	struct account *a = accounts_find(s->options.accounts, &s->account);
	struct str measured = measuring_path(s->measuring);
	struct storage_found found;
	struct buf path = BUF_INIT;
	struct err why;
	int rc = 0;

	if (!a || !path_of(s, a, &path) || !str_eq(buf_str(&path), measured))
		goto out;
	if (measuring_result(s->measuring, &found, &why) < 0)
		log_warn("session's files not measured", LOG_I("account_id", a->row.id), LOG_ERR(&why));
	else
		rc = result_write(a, &found, measured, to, err);
out:
	buf_fini(&path);
	measuring_free(&s->measuring);
	return rc;
}

int storage_turn(struct storage *s, const struct record_target *to, struct err *err)
{
	int64_t now_us = clock_now_us();
	struct account *a;

	if (s->measuring)
		return measuring_has_ended(s->measuring) ? measuring_finish(s, to, err) : 0;
	a = s->root_fd < 0 ? NULL : next_due(s, now_us);
	if (!a)
		return 0;
	a->storage_due_us = now_us + s->options.interval_ms * 1000;
	measuring_begin(s, a);
	return 0;
}
