/* What every step of a transaction asks and adds; see private.h. */
#include "campaign-sender/commit/private.h"

struct topic_partition flush_partition(const struct flush *f, int32_t number)
{
	return (struct topic_partition){ f->o.shared->outbound, number };
}

int flush_owns(const struct flush *f, struct err *err)
{
	if (f->generation == owner_generation(f->o.owner))
		return 0;
	return err_set(err, ERR_RETRY, "revoked", "partitions were revoked during the flush");
}

int32_t flush_slot(const struct flush *f, int32_t partition)
{
	bool known = partition >= 0 && partition < f->o.shared->outbound_partitions;

	return known && f->included[partition] ? partition : f->any;
}

struct record_target flush_target(const struct flush *f, int32_t partition)
{
	return (struct record_target){ f->tx, flush_partition(f, flush_slot(f, partition)), f->o.shared->topics,
		f->now_us / 1000 };
}

void flush_release_address(struct flush *f, int64_t workspace_id, int64_t account_id, struct str address)
{
	struct send_keys *k = &f->released;

	k->rows = vec_grow(k->rows, k->n, &k->cap, sizeof(*k->rows));
	k->rows[k->n++] = (struct send_key){ workspace_id, account_id, arena_str(f->arena, address) };
}

void flush_notify(struct flush *f, const struct account *account)
{
	struct account_uuids *u = &f->notified;

	u->rows = vec_grow(u->rows, u->n, &u->cap, sizeof(*u->rows));
	u->rows[u->n++] = account->uuid;
}

struct str doubt_key(const struct doubt *d)
{
	return (struct str){ (const char *)d, sizeof(*d) };
}
