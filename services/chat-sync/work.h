/* One call of apply() or sweep(): the events of a batch on their way through the steps, each step set-based.
 *
 *   accounts_resolve   the account of each record; without one it becomes a dead letter
 *   ops_expand         an event becomes one or more ops (a sync chat: its state and its messages)
 *   people_resolve     aliases to contacts: found, created, merged; see identity/
 *   merges_follow      conversations that the account still keeps apart although their contacts merged
 *   groups_resolve, conversations_resolve
 *   users_resolve      agents that messages name
 *   messages_resolve   new messages are inserted, copies and targets are read
 *   parked_take_up     updates that waited for the new messages join as further ops
 *   ops_fold           in order, each op is folded into what is in memory by the rules; effects are noted
 *   work_write         what is dirty is written, a statement per table
 *   effects_emit       ChatEvents with their sequence numbers go to the outbox
 *
 * Everything here lives in the batch's arena; what is kept longer is in the cache.
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

/* A message in this batch: inserted by it, or read because something refers to it. */
struct message {
	struct message_row row;      /* metadata absent: no op of the batch needs it */
	struct str stored_metadata;  /* as last read or inserted; absent: neither */
	struct uuid uuid; /* nil until message_uuid() was asked for it */
	struct conversation
		*conversation; /* NULL when its conversation is not known to the batch yet (read as a target) */
	const struct op *origin_op;        /* the op that made the row */
	bool inserted;                     /* by this batch */
	bool dirty;
	bool shared; /* while isolating: several records of the batch are about it */
	struct message *next_same_key;     /* same account and key, another conversation */
	struct message *next_same_moment;  /* same conversation, time, direction and body */
};

/* A party, and the contact it turned out to be. */
struct person {
	const struct party *party;
	struct account *account;
	bool create;       /* someone to be created on first sight; else only looked up */
	bool timed_name;   /* the name may be taken over (live, not our own message) */
	struct alias_row aliases[5];
	size_t n_aliases;
	struct contact *contact; /* NULL: nobody known */
	struct contact *former;  /* whom an alias led to when this was sent; NULL: nobody else than now */
	bool had_former;         /* an alias led to somebody else at some time */
	struct contact *before;  /* whom, when this is dated later; it may have come before the news of that */
	struct op *op;
};

struct op {
	size_t order; /* of arrival */
	struct batch_item *item; /* NULL: a parked update taken up again */
	const struct parked_row *parked;
	const struct inbound_event *event;
	struct account *account;
	enum inbound_kind kind; /* of this op: a sync chat expands to IN_CHAT_STATE and IN_MESSAGE */
	enum origin origin;
	int64_t time_us; /* what it counts as: see inbound_time_ms() */
	int64_t suspect_ms; /* the source's time where that is not believed; 0: it is */
	bool timed; /* the source gave a time */
	const struct chat_ref *chat;
	const struct in_message *message;
	const struct in_chat_state *state;
	const struct target *target;
	struct person *peer, *author;
	struct group *group;
	struct conversation *conversation;
	struct message *row; /* IN_MESSAGE: its row; updates: the target, NULL when not stored */
	bool duplicate;      /* IN_MESSAGE: the key was there already */
	int64_t user_id;     /* of the agent it names; 0: none */
	bool changed;        /* had an effect */
	bool waits;          /* parked */
	bool filtered;
};

struct notice {
	struct op *op;
	struct notice_row row;
	struct in_account_notice what;
};

/* Of merges whose messages are on their way, and of renames of senders. */
struct merging {
	bool pending; /* there may be a merge in our partitions */
	int left;     /* messages, reactions and receipts that this transaction may still move or rename */
	bool senders_had_turn; /* of the two the other is next */
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
	const char *const *topics; /* of inbound, as the owner has them */
	const char *chat_event_topic;
	LIST(struct op *) ops;
	LIST(struct person *) people;
	LIST(struct effect *) effects;
	LIST(struct conversation *) conversations; /* dirty or recount */
	LIST(struct contact *) created;            /* on first sight */
	LIST(struct contact *) contacts;           /* dirty */
	LIST(struct group *) groups;               /* dirty */
	LIST(struct account *) accounts;           /* dirty */
	LIST(struct message *) messages;           /* all of this batch, inserted or read */
	struct map *by_key;                        /* account id, key -> message */
	struct map *effect_keys;                   /* event, kind, subject -> effect */
	struct map *index;                         /* scratch for distinct rows */
	LIST(struct receipt_row) receipts;
	LIST(struct op *) receipt_ops;
	LIST(struct reaction_row) reactions;
	LIST(struct op *) reaction_ops;
	LIST(struct reaction_row)
	each_reaction;   /* while isolating: also those that a newer one of the batch replaces */
	LIST(struct op *) each_reaction_ops;
	LIST(const struct contact_row *) senders; /* of receipts and reactions */
	LIST(struct sender_change) receipt_senders, reaction_senders; /* who was no contact before */
	LIST(struct sender_on_message) sent; /* contacts and messages that receipts and reactions are about */
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
	LIST(struct notice) notices;
	LIST(struct unread_mark) marks;
	LIST(struct op *) mark_ops;
	struct buf *scratch;
	bool isolating; /* the batch was refused: refusals.c; what waits for its messages is left to the sweep */
	bool forget; /* a merge changed what the cache keeps */
};

/* Where the record of a parked update stood. */
struct topic_partition parked_partition(const struct work *w, const struct parked_row *row);
/* Where what follows from the op is written. */
struct topic_partition op_partition(const struct work *w, const struct op *op);

/* What has changed is written at the end of the batch, once. */
void conversation_touch(struct work *w, struct conversation *v);
void contact_touch(struct work *w, struct contact *c);
/* Touches it; what is shown of it changed, and op tells so, unless another op of the batch does. */
void contact_change(struct work *w, struct contact *c, const struct op *op, unsigned parts);
void group_touch(struct work *w, struct group *g);
void account_touch(struct work *w, struct account *a);

#endif
