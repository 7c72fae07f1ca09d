/* Erasures: which contacts are to be erased, how far that is, and the search for what is left of them. Role blazz_cleanup;
 * requests: blazz_admin. What is erased by whom: services/cleanup/README.md, Erasure.
 *
 * A person is a contact with all contacts that were merged into it (store/contact_erasure.h). Its names are the texts by
 * which rows name it.
 */
#ifndef STORE_CLEANUP_ERASURE_H
#define STORE_CLEANUP_ERASURE_H

#include "store/cleanup_accounts.h"
#include "store/contact_erasure.h"

#define ERASURE_CURSOR_MAX 200

struct erasure {
	int64_t workspace_id, id;
	struct uuid workspace, uuid, contact;
	bool forget_opt_outs;
	struct str stage, cursor, aliases; /* aliases: sealed; absent: none yet */
	int64_t found, erased;
	int32_t passes;
	int64_t requested_us, completed_us;
	int64_t until_us; /* what was stored later is of the person's next contact; PG_NO_TIME: not known yet */
	int64_t happened_us; /* after a restore: what happened later is; PG_NO_TIME: as it was stored */
	bool recorded; /* in the ledger */
	bool restored; /* a restore has taken the erasure back */
	bool passed; /* chat-sync has consumed what was in its topics when the erasure was requested */
};
/* The due erasure with the lowest id from `from` on, locked; out->id 0: none. Only of one workspace unless it is nil. */
int store_erasure_due(struct pg *pg, int64_t from, const struct uuid *workspace, struct arena *a, struct erasure *out,
	struct err *err) ERR_MUST_USE;
/* Writes stage, cursor, found, erased, passes and aliases (absent: null), and that it is in the ledger; due again in in_ms. Reads
 * until_us and completed_us, which the stages "bulk" and "done" set. */
int store_erasure_advance(struct pg *pg, struct erasure *e, int64_t in_ms, struct err *err) ERR_MUST_USE;

/* What the ledger says of an erasure. */
struct erasure_entry {
	struct uuid erasure, workspace, contact;
	bool forget_opt_outs;
	int64_t requested_us, until_us; /* until_us: PG_NO_TIME: not known */
};
/* Adds the erasures of this batch that are missing, unless another one of the contact is in progress; *added counts them. Of those
 * that are there and have not reached "bulk", sets until when things happened. behind: JSON, as in the table. */
int store_erasure_ledger(struct pg *pg, const struct erasure_entry *entries, size_t n, struct str behind,
	int64_t *added, struct err *err) ERR_MUST_USE;

/* What is erased was stored until until_us and, unless that is PG_NO_TIME, happened until happened_us. */
struct erasure_bounds {
	int64_t until_us, happened_us;
};

/* Public ids and provider of the workspace's oldest account, also of a deleted one; id 0: it has none. */
int store_erasure_account(struct pg *pg, int64_t workspace_id, struct cleanup_account *out,
	struct err *err) ERR_MUST_USE;
/* The aliases and former aliases of the person, and the phones of its contacts as aliases; *count: without the latter. The first *n_held are the
 * person's at present; a former one may be another person's since (*until_us)[i], the time of the change (PG_NO_TIME: not known). */
int store_erasure_aliases(struct pg *pg, const struct erased_person *p, struct arena *a, struct alias_row **out,
	int64_t **until_us, size_t *n, size_t *n_held, int32_t *count, struct err *err) ERR_MUST_USE;

/* What rows say about members; strings in the arena. Rows with an id above `after`, at most n. */
struct erasure_group {
	int64_t id;
	struct str jid, owner_phone, members; /* participant_log */
	int64_t created_us;
};
int store_erasure_groups(struct pg *pg, int64_t workspace_id, int64_t after, int64_t n, struct arena *a,
	struct erasure_group **out, size_t *n_out, struct err *err) ERR_MUST_USE;

/* The contacts besides the person's to which its names lead: its next contact, and after a restore also what chat-sync stored of the person
 * behind the identity stage. root is 0, and erased is not filled. */
int store_erasure_others(struct pg *pg, const struct erased_person *p, const struct alias_row *names, size_t n_names,
	struct arena *a, struct erased_person *out, struct err *err) ERR_MUST_USE;
/* Adds erasures of those of which something is known, but nothing that happened after happened_us; *added counts them. */
int store_erasure_others_add(struct pg *pg, const struct erased_person *others, bool forget_opt_outs,
	int64_t happened_us, int64_t *added, struct err *err) ERR_MUST_USE;

/* A conversation whose messages may be the person's: with it, with another contact to which its names lead, or of a group. */
struct erasure_conversation {
	int64_t id; /* 0: none */
	bool own, other;
	struct cleanup_account account;
};
/* The one with the lowest id that is at least `from`. */
int store_erasure_conversation(struct pg *pg, const struct erased_person *p, const struct erased_person *others,
	int64_t from, struct erasure_conversation *out, struct err *err) ERR_MUST_USE;
struct erasure_message {
	int64_t id, sent_us;
	struct str key, sender, quoted_phone, quoted_lid;
	struct str *voters;
	size_t n_voters;
};
/* Messages of a conversation within the bounds, the newest first, from behind (sent_us, id) on; sent_us
 * PG_NO_TIME: all. */
int store_erasure_messages(struct pg *pg, int64_t workspace_id, int64_t conversation_id, int64_t sent_us, int64_t id,
	struct erasure_bounds bounds, int64_t n, struct arena *a, struct erasure_message **out, size_t *n_out,
	struct err *err) ERR_MUST_USE;

/* A name of the person as rows have it. */
struct erasure_name {
	struct str text;
	int64_t until_us; /* what is later is of the one who had the name next; PG_NO_TIME: nothing is */
};

/* Each deletes or changes at most n rows (sends and deliveries: looks at n) within the bounds, and counts them.
 * Receipts and reactions under these names. */
int store_erasure_reactions(struct pg *pg, int64_t workspace_id, const struct erasure_name *names, size_t n_names,
	struct erasure_bounds bounds, int64_t n, int64_t *found, struct err *err) ERR_MUST_USE;
/* Messages to send, which lose address, content, error, the provider's id and answers. *last is the last id looked at, 0 when there are no more. */
int store_erasure_sends(struct pg *pg, const struct erased_person *p, const struct erasure_name *addresses,
	size_t n_addresses, struct erasure_bounds bounds, int64_t after, int64_t n, int64_t *found, int64_t *last,
	struct err *err) ERR_MUST_USE;
/* Members of audiences, and what is known of addresses that cannot be reached. While until_us is PG_NO_TIME: until now. */
int store_erasure_audiences(struct pg *pg, int64_t workspace_id, const struct erasure_name *addresses,
	size_t n_addresses, struct erasure_bounds bounds, int64_t n, int64_t *found, struct err *err) ERR_MUST_USE;
/* Deliveries of conversations with the person, and of contact events with one of these texts: those that wait lose their content, and
 * webhook-dispatcher drops them; failed ones, also of other events with such a text, are deleted. *last as above. */
int store_erasure_webhooks(struct pg *pg, const struct erased_person *p, const struct erasure_name *names,
	size_t n_names, struct erasure_bounds bounds, int64_t after, int64_t n, int64_t *found, int64_t *last,
	struct err *err) ERR_MUST_USE;
/* Parked updates whose record has one of these texts. */
int store_erasure_parked(struct pg *pg, int64_t workspace_id, const struct erasure_name *names, size_t n_names,
	struct erasure_bounds bounds, int64_t n, int64_t *found, struct err *err) ERR_MUST_USE;
/* Accounts that have a conversation with the person; strings are not filled. */
int store_erasure_accounts(struct pg *pg, const struct erased_person *p, struct arena *a, struct cleanup_account **out,
	size_t *n, struct err *err) ERR_MUST_USE;

/* How many erasures that are not completed are in each stage. */
#define ERASURE_STAGES 6
const char *store_erasure_stage_word(size_t stage);
int store_erasure_stages(struct pg *pg, int64_t n[ERASURE_STAGES], struct err *err) ERR_MUST_USE;

/* Role blazz_admin */

struct erasure_info {
	struct uuid uuid, workspace, contact;
	struct str stage, requested_by;
	int64_t requested_us, completed_us, next_us, erased;
	int32_t passes;
	bool forget_opt_outs;
};
/* behind: JSON, as in the table. ERR_INPUT "unknown": there is no such contact; ERR_CONFLICT: it is being erased. */
int store_erasure_request(struct pg *pg, const struct uuid *contact, bool forget_opt_outs, struct str behind,
	struct str requested_by, struct uuid *out, struct err *err) ERR_MUST_USE;
/* The latest first, of one contact unless it is NULL; strings live during each(). */
int store_erasures_list(struct pg *pg, const struct uuid *contact, int64_t limit,
	void (*each)(void *ctx, const struct erasure_info *e), void *ctx, struct err *err) ERR_MUST_USE;

#endif
