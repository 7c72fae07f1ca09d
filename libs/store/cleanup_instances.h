/* Instances of bridges, as cleanup reads them and reports what it observed of them. Role blazz_cleanup. */
#ifndef STORE_CLEANUP_INSTANCES_H
#define STORE_CLEANUP_INSTANCES_H

#include "base/arena.h"
#include "pg/pg.h"
#include "wire/party.h"

struct instance_row {
	int64_t index;
	struct uuid uuid;
	enum bridge_kind kind;
	struct str url, storage_group, storage_path,
		secrets; /* secrets: sealed; storage_group and storage_path may be empty */
	int64_t capacity;
	struct str desired; /* "active", "draining" or "off" */
	bool removed;
	struct str state; /* as reported by the last leader */
	int64_t state_since_us; /* PG_NO_TIME: none has reported it */
	int64_t fenced_us; /* PG_NO_TIME: its sessions may run there */
};

struct instance_report {
	int64_t index;
	struct str state, error; /* error absent: none */
	int64_t state_since_us, probed_us, fenced_us;
	int64_t failures, sessions;
};

/* All instances, removed ones too, by index; strings are copied into the arena. */
int store_cleanup_instances(struct pg *pg, struct arena *a, void (*each)(void *ctx, const struct instance_row *row),
	void *ctx, struct err *err) ERR_MUST_USE;
int store_cleanup_instances_report(struct pg *pg, const struct instance_report *rows, size_t n,
	struct err *err) ERR_MUST_USE;
/* Whether a restored backup was not accepted yet: then nothing is started, stopped or moved. */
int store_cleanup_is_paused(struct pg *pg, bool *paused, struct err *err) ERR_MUST_USE;

#endif
