/* Contacts, their aliases, merging, opt-outs. A contact is identified by alias, never by parsing the digits of a
 * LID. */
#ifndef STORE_CONTACTS_H
#define STORE_CONTACTS_H

#include "base/arena.h"
#include "store/rows.h"

/* Finds the contact of each alias; contact_id of an unknown alias stays 0. `each` gets every contact found, once. */
int store_aliases_find(struct pg *pg, struct alias_row *aliases, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct contact_row *row), void *ctx, struct err *err) ERR_MUST_USE;
/* Inserts missing aliases, sorted, ON CONFLICT DO NOTHING. inserted[i]: aliases[i] was inserted; the others already
 * have a holder (read again with store_aliases_find). Waits for a concurrent transaction that inserts the same one. */
int store_aliases_insert(struct pg *pg, const struct alias_row *aliases, size_t n, bool *inserted,
	struct err *err) ERR_MUST_USE;
int store_aliases_delete(struct pg *pg, const struct alias_row *aliases, size_t n, struct err *err) ERR_MUST_USE;
/* Removes an alias from its holder permanently, as of until_us, and keeps the previous holder. *news is false when the
 * same change was applied before: nothing is written then, as the alias may have a new holder by now. */
int store_alias_retire(struct pg *pg, const struct alias_row *alias, int64_t until_us, bool *news,
	struct err *err) ERR_MUST_USE;
/* The last holder of each retired alias: fills contact_id and until_us[i] where there is one. `each` gets the contacts,
 * possibly more than once. */
int store_aliases_find_former(struct pg *pg, struct alias_row *aliases, int64_t *until_us, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct contact_row *row), void *ctx, struct err *err) ERR_MUST_USE;
/* Draws n contact ids. */
int store_contact_ids_draw(struct pg *pg, size_t n, int64_t *out, struct err *err) ERR_MUST_USE;
/* Inserts contacts whose ids were drawn, with their uuids; one whose uuid is taken gets another, which is filled in. */
int store_contacts_insert(struct pg *pg, struct contact_row *const *rows, size_t n, struct err *err) ERR_MUST_USE;
/* Started only (pg_start): writes names, their rank and time, phone, match_key, and email, picture, in_address_book
 * with their times as the rows have them. */
int store_contacts(struct pg *pg, const struct contact_row *const *rows, size_t n, struct err *err) ERR_MUST_USE;
/* Locks contacts FOR UPDATE in id order and reads them. */
int store_contacts_lock(struct pg *pg, int64_t workspace_id, const int64_t *ids, size_t n, struct arena *a,
	void (*each)(void *ctx, const struct contact_row *row), void *ctx, struct err *err) ERR_MUST_USE;
/* Prevents contacts from being merged or erased until the transaction ends. ERR_RETRY when one was already. rows may
 * have duplicates. */
int store_contacts_hold(struct pg *pg, const struct contact_row *const *rows, size_t n, struct err *err) ERR_MUST_USE;
/* Public ids of the contacts that were merged into this one, in the arena. */
int store_contacts_merged(struct pg *pg, int64_t workspace_id, int64_t id, struct arena *a, struct uuid **out,
	size_t *n, struct err *err) ERR_MUST_USE;
/* Public ids of two contacts of a workspace; nil when one does not exist. */
int store_contacts_uuids(struct pg *pg, int64_t workspace_id, int64_t a, int64_t b, struct uuid *a_uuid,
	struct uuid *b_uuid, struct err *err) ERR_MUST_USE;
/* Merges the loser into the winner: moves its aliases (the caller has deleted those that must not move, with
 * store_aliases_delete), copies its opt-outs where they are newer, and sets its merged_into. Both must be locked. Fills
 * the public ids of the accounts that have a conversation with the loser (in the arena). */
int store_contacts_merge(struct pg *pg, int64_t workspace_id, int64_t winner, int64_t loser, struct arena *a,
	struct uuid **accounts, size_t *n_accounts, struct err *err) ERR_MUST_USE;

struct opt_out_row {
	int64_t workspace_id, contact_id, account_id;
	struct str category;
	bool stopped;
	int64_t since_us;
	bool changed; /* out */
};
/* The row with the newer `since` wins; sets changed where the effective state differs from before. */
int store_opt_outs(struct pg *pg, struct opt_out_row *rows, size_t n, struct err *err) ERR_MUST_USE;

#endif
