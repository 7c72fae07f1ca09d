/* Erasing a contact: what it is known by, its messages, and its conversations. What each stage of contact_erase does:
 * services/chat-sync/README.md, Erasure.
 *
 * A person is a contact with all contacts that were merged into it: they are erased together.
 */
#ifndef STORE_CONTACT_ERASURE_H
#define STORE_CONTACT_ERASURE_H

#include "base/arena.h"
#include "store/rows.h"

struct erased_person {
	int64_t workspace_id;
	int64_t root; /* the surviving contact */
	bool erased; /* it has erased_at */
	int64_t *ids; /* of all contacts, in order */
	struct uuid *uuids;
	size_t n; /* 0: the workspace has no such contact */
};
/* The person of a contact, which may be one that was merged into another. */
int store_erased_person(struct pg *pg, int64_t workspace_id, const struct uuid *contact, struct arena *a,
	struct erased_person *out, struct err *err) ERR_MUST_USE;
/* The same, locked FOR UPDATE in id order: until the transaction ends none of them merges, gets an alias or a
 * conversation. ERR_RETRY when one merged meanwhile. */
int store_erased_person_lock(struct pg *pg, int64_t workspace_id, const struct uuid *contact, struct arena *a,
	struct erased_person *out, struct err *err) ERR_MUST_USE;

struct erased_identity {
	int64_t aliases; /* and former ones, of the person */
	bool objects; /* a category is stopped, and an alias leads to the person */
	struct contact_row root; /* of which only the source is filled */
};
int store_erased_identity(struct pg *pg, const struct erased_person *p, struct erased_identity *out,
	struct err *err) ERR_MUST_USE;
/* Moves opt-outs, and the alias of the phone, to another contact; of a person without a phone all aliases. */
int store_erased_objections_move(struct pg *pg, const struct erased_person *p, int64_t to,
	struct err *err) ERR_MUST_USE;
/* Deletes the person's aliases, former aliases, opt-outs and pending renames, and empties the contacts. Locked. */
int store_erased_identity_delete(struct pg *pg, const struct erased_person *p, struct err *err) ERR_MUST_USE;

/* Keeps the sealed names in the contact's erasure, which a database that was restored from an older backup may lack. Has no effect on one that
 * has passed this stage. */
int store_erased_names_keep(struct pg *pg, int64_t workspace_id, const struct uuid *erasure, const struct uuid *contact,
	bool forget_opt_outs, struct str sealed, struct err *err) ERR_MUST_USE;

/* A message of an account. */
struct erased_message {
	int64_t id, conversation_id;
	bool own; /* in a conversation with the person, or with a contact that has one of its names: no metadata and sender here */
	struct str sender;
	struct str metadata; /* absent: it quotes nothing and has no votes */
};
/* The messages of these keys, locked, in the arena. names: only kind and value are read, a phone as a match key.
 * ERR_INPUT "too_large" when more than 64 MiB of metadata are read. */
int store_erased_messages(struct pg *pg, const struct erased_person *p, int64_t account_id, const struct str *keys,
	size_t n, const struct alias_row *names, size_t n_names, struct arena *a, struct erased_message **out,
	size_t *n_out, struct err *err) ERR_MUST_USE;
/* Deletes messages with everything that belongs to them. */
int store_erased_messages_delete(struct pg *pg, int64_t workspace_id, const int64_t *ids, size_t n,
	struct err *err) ERR_MUST_USE;
/* Writes the metadata of messages. */
int store_erased_messages_scrub(struct pg *pg, int64_t workspace_id, const struct erased_message *const *rows, size_t n,
	struct err *err) ERR_MUST_USE;
/* The newest message of each conversation: id 0 where there is none. */
struct newest_message {
	int64_t conversation_id, id;
	enum direction direction;
	struct str sender;
};
int store_newest_messages(struct pg *pg, int64_t workspace_id, struct newest_message *rows, size_t n, struct arena *a,
	struct err *err) ERR_MUST_USE;

/* Deletes the conversations, and the updates that are parked for them. *deleted is false, and nothing is written, when
 * one of them still has messages, or is being merged. */
int store_erased_conversations_delete(struct pg *pg, int64_t workspace_id, int64_t account_id, const int64_t *ids,
	size_t n, bool *deleted, struct err *err) ERR_MUST_USE;

#endif
