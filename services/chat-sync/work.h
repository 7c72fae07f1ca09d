/* One transaction's work: the events of a batch on their way through the steps, each of which handles the whole batch at once.
 *
 *   accounts_resolve   finds the account of each record; a record without one becomes a dead letter
 *   ops_expand         turns an event into one or more ops (a chat of a sync: its state and its messages)
 *   own_messages_join  finds what is known of messages that Blazz sent, and makes a message of a Dispatch whose result was unknown
 *   people_resolve     maps aliases to contacts: found, created, merged; see identity/
 *   merges_follow      merges the account's conversations of contacts that merged in another partition
 *   groups_resolve, conversations_resolve
 *   users_resolve      finds the agents that messages name
 *   messages_resolve   inserts new messages, reads stored copies and the targets of updates
 *   parked_load        adds parked updates of the new messages as further ops; own_messages_of_parked, as own_messages_join, for these
 *   ops_fold           folds each op, in order, into the rows in memory by the rules, and adds effects
 *   work_write         writes changed rows, a statement per table
 *   effects_emit       puts ChatEvents with their sequence numbers into the outbox
 *
 * Everything here lives in the batch's arena; rows that outlive the batch are in the cache.
 */
#ifndef CHAT_SYNC_WORK_H
#define CHAT_SYNC_WORK_H

#include "base/vec.h"
#include "chat-sync/cache.h"
#include "chat-sync/rules.h"
#include "chat-sync/topics.h"
#include "store/accounts.h"
#include "store/contacts.h"
#include "store/conversations.h"
#include "store/conversations_merge.h"
#include "store/groups.h"
#include "store/messages.h"
#include "store/parked.h"
#include "store/sender_renames.h"
#include "store/syncs.h"
#include "wire/chat_event.h"
#include "worker/worker.h"

struct chat_sync_settings;
struct report;

/* A message in this batch: inserted by it, or read because an op refers to it. */
struct message {
	struct message_row row; /* metadata absent: no op of the batch needs it */
	struct str stored_metadata; /* as last read or inserted; absent: neither */
	struct uuid uuid; /* nil until message_uuid() derives it */
	struct conversation *conversation; /* NULL until conversations_of_targets() has loaded it */
	const struct op *origin_op; /* the op that made the row */
	bool inserted; /* by this batch */
	bool dirty;
	bool shared; /* while isolating: several records of the batch refer to it */
	struct message *next_same_key; /* same account and key, another conversation */
	struct message *next_same_moment; /* same conversation, time, direction and body */
};

/* A message that Blazz sent, by the client_message_id that events of this batch name. */
struct own_message {
	struct str client_id;
	struct account *account;
	struct str key; /* of the stored row that has this id, as the batch began; absent: there is none */
	int64_t conversation_id; /* of that row */
	struct message *row; /* the one with this id, once the batch has made or read it */
	bool in_batch; /* the batch has the message itself */
	const struct op *status; /* the first one of the batch */
	struct op *unknown; /* the first Dispatch of the batch whose outcome is unknown */
};

/* A party of an event, and the contact that it resolves to. */
struct person {
	const struct party *party;
	struct account *account;
	bool create; /* an unknown party becomes a new contact; else it is only looked up */
	bool timed_name; /* the name counts as of the event's time (live, and not from our own message) */
	struct alias_row aliases[5];
	size_t n_aliases;
	struct contact *contact; /* NULL: unknown */
	bool alias_reassigned; /* one of the aliases had another holder at some time */
	/* The contact that held an alias when the event was sent: the event is that contact's. NULL: it is the present holder's. */
	struct contact *previous_holder;
	/* The previous holder, for an event without a time or dated after the reassignment: where the event arrived before the
	 * reassignment was known, its rows are stored under this contact. */
	struct contact *stored_holder;
	struct op *op;
};

struct op {
	size_t order; /* of arrival */
	struct batch_item *item; /* NULL: a parked update that is applied now */
	const struct parked_row *parked;
	const struct inbound_event *event;
	struct account *account;
	enum inbound_kind kind; /* of this op: a sync chat expands to IN_CHAT_STATE and IN_MESSAGE */
	enum origin origin;
	int64_t time_us; /* the time that decisions use: inbound_time_ms() */
	int64_t suspect_ms; /* the source's time if it is not trusted; 0: it is trusted */
	bool timed; /* the source gave a time */
	const struct chat_ref *chat;
	const struct in_message *message;
	const struct in_chat_state *state;
	const struct target *target;
	struct own_message *own; /* of the client_message_id that the event names; NULL: it names none */
	struct person *peer, *author;
	struct group *group;
	struct conversation *conversation;
	struct message *row; /* IN_MESSAGE: its row; updates: the target, NULL when not stored */
	bool duplicate; /* IN_MESSAGE: another op of the batch made the row */
	bool by_own; /* IN_MESSAGE: a row with its client_message_id, or its key in another conversation, exists: it is a copy, and no row is made for it */
	int64_t user_id; /* of the agent that it names; 0: none */
	bool changed; /* had an effect */
	bool waits; /* to be parked, or to stay parked */
	bool filtered; /* a chat beyond the limits of its sync */
};

struct notice {
	struct op *op;
	struct notice_row row;
	struct in_account_notice what;
};

/* Merges of conversations whose messages have not all moved yet, and renames of senders (resolve/merging.c). */
struct merging {
	bool pending; /* there may be such a merge in the partitions of this replica */
	int budget; /* messages, reactions and receipts that this transaction may still move or rename */
	bool senders_had_turn; /* the last slice was one of renames: the next one moves messages */
};

/* A growing list in the arena. */
#define LIST(type) \
	struct { \
		type *at; \
		size_t n, cap; \
	}
#define LIST_ADD(work, list) \
	((list)->at = vec_grow_in((work)->arena, (list)->at, (list)->n, &(list)->cap, sizeof(*(list)->at)), \
		&(list)->at[(list)->n++])

struct work {
	const struct chat_sync_settings *settings;
	struct cache *cache;
	struct merging *merging;
	struct report *report;
	struct owner_tx *tx;
	struct pg *pg;
	struct arena *arena;
	int64_t now_ms, now_mono_ms;
	const char *const *topics; /* full names of inbound and inbound.bulk, by index */
	const char *chat_event_topic;
	LIST(struct op *) ops;
	LIST(struct person *) people;
	LIST(struct effect *) effects;
	LIST(struct conversation *) conversations; /* dirty, or to be recounted */
	LIST(struct contact *) created; /* by this batch */
	LIST(struct contact *) contacts; /* dirty */
	LIST(struct group *) groups; /* dirty */
	LIST(struct account *) accounts; /* dirty */
	LIST(struct message *) messages; /* all of this batch, inserted or read */
	struct map *by_key; /* account id, key -> message */
	struct map *effect_keys; /* event, kind, subject -> effect */
	struct map *index; /* scratch, to find each row once; a step clears it before use */
	LIST(struct receipt_row) receipts;
	LIST(struct op *) receipt_ops;
	LIST(struct reaction_row) reactions;
	LIST(struct op *) reaction_ops;
	/* while isolating: all, also those that a newer reaction of the batch replaces */
	LIST(struct reaction_row) each_reaction;
	LIST(struct op *) each_reaction_ops;
	LIST(const struct contact_row *) sender_contacts; /* of receipts and reactions */
	LIST(struct sender_change) receipt_senders, reaction_senders; /* rows to rename from an alias to the contact */
	LIST(struct sender_on_message) sender_messages; /* contacts and the messages of their receipts and reactions */
	LIST(struct media_row) media;
	LIST(struct parked_row) parked;
	LIST(struct op *) parked_ops;
	LIST(const struct parked_row *) unparked;
	LIST(struct sync_batch_row) syncs;
	LIST(struct op *) sync_ops;
	LIST(struct template_row) templates;
	LIST(struct op *) template_ops;
	LIST(struct opt_out_row) opt_outs;
	LIST(struct op *) opt_out_ops;
	LIST(const struct contact_row *) opt_out_contacts;
	LIST(struct notice) notices;
	LIST(struct unread_mark) marks;
	LIST(struct op *) mark_ops;
	struct buf *scratch;
	bool isolating; /* the database rejected the batch: rejections.c finds the records, the sweep applies parked updates */
	bool cache_stale; /* a merge changed rows that the cache has: it is cleared after the batch */
};

/* The partition of a parked update's record. */
struct topic_partition parked_partition(const struct work *w, const struct parked_row *row);
/* The partition whose outbox slot the op's events go to. */
struct topic_partition op_partition(const struct work *w, const struct op *op);

/* Each marks the row as changed; work_write() writes it once, at the end of the batch. */
void conversation_touch(struct work *w, struct conversation *v);
void contact_touch(struct work *w, struct contact *c);
/* Touches the contact and adds to the parts that contact.updated lists; the first op of the batch that does so publishes it. */
void contact_change(struct work *w, struct contact *c, const struct op *op, unsigned parts);
void group_touch(struct work *w, struct group *g);
void account_touch(struct work *w, struct account *a);

#endif
