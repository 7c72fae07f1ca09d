/* All accounts whose sessions cleanup manages. The leader loads them, reconciles each with what is desired, and writes what it decided:
 *
 *   rows, notifications ──► accounts_load() ──┐
 *   lists of instances ───► accounts_listed() ┤──► decide (policy/decision.h) ──► call ──► look ──► decide ...
 *   answers of calls ─────────────────────────┘         │
 *                                                        ▼
 *                                            accounts_flush(): one transaction under the lease
 *
 * Managed are accounts of a registered instance, accounts without any address, which get an instance, and of all others only their
 * deletion. Invariant: a session is created or started only at the instance that the account's committed row names. Everything runs in the
 * loop's thread. */
#ifndef CLEANUP_ACCOUNTS_H
#define CLEANUP_ACCOUNTS_H

#include "cleanup/accounts/account.h"
#include "cleanup/records.h"
#include "cleanup/stats.h"

struct accounts_options {
	struct fleet *fleet; /* borrowed, as calls */
	struct calls *calls;
	const struct keyring *keyring; /* until accounts_use_keyring() */
	bool observe_only; /* see accounts_observe_only() */
	struct str webhook_base; /* "https://ingest.example.com": where bridges post */
};

struct accounts *accounts_new(const struct accounts_options *options);
void accounts_free(struct accounts *all); /* accepts NULL; after calls_abort() */
void accounts_use_keyring(struct accounts *all, const struct keyring *keyring);

/* Reads these accounts again, NULL: all. */
int accounts_load(struct accounts *all, struct pg *pg, const struct uuid *uuids, size_t n,
	struct err *err) ERR_MUST_USE;
/* A restored backup was not accepted yet: sessions are looked at, and nothing is started, stopped, moved or deleted. */
void accounts_observe_only(struct accounts *all, bool only);
/* This replica no longer leads: everything is forgotten. After calls_abort(). */
void accounts_clear(struct accounts *all);

/* Instances were added or changed: room is counted, and each account is decided about again. */
void accounts_instances_loaded(struct accounts *all);
/* An instance has listed its sessions, or its state has changed. */
void accounts_listed(struct accounts *all, struct instance *at, const struct bridge_answer *answer, int64_t asked_us);
void accounts_instance_changed(struct accounts *all, const struct instance *at);

struct account *accounts_find(const struct accounts *all, const struct uuid *uuid); /* NULL: unknown */
/* Begins with *i = 0; NULL at the end. */
struct account *accounts_each(const struct accounts *all, size_t *i);
/* Adds up what was observed of managed accounts, and why they are not as desired. */
void accounts_report(const struct accounts *all, struct stats_report *out);

/* Decides what is due, and begins calls. Chooses instances, and moves accounts from instances that have certainly ended. */
void accounts_turn(struct accounts *all);
/* Whether accounts_flush() has something to write. */
bool accounts_pending(const struct accounts *all);
/* Writes it in one transaction, which it begins and commits. On failure the caller calls lease_fail(). */
int accounts_flush(struct accounts *all, const struct record_target *to, struct err *err) ERR_MUST_USE;

#endif
