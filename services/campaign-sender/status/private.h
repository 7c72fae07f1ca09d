/* Private to the status worker: one batch of events, step by step.
 *
 *   events ─► events_find() ─► echoes_match() ─► evidence_apply() ─► failures_add() ─► effects
 *             accounts,         rows whose        rows of sends,       what codes of     holds, pauses,
 *             addresses         outcome is        counters             failures mean     opt-outs
 *        ├──► templates_apply(): pauses and resumes of campaigns
 *        └──► words_apply(): opt-outs
 */
#ifndef CAMPAIGN_SENDER_STATUS_PRIVATE_H
#define CAMPAIGN_SENDER_STATUS_PRIVATE_H

#include "base/map.h"
#include "campaign-sender/content/outgoing.h"
#include "campaign-sender/policy/stopper.h"
#include "campaign-sender/status/status.h"
#include "store/send_events.h"
#include "store/sends_evidence.h"
#include "wire/chat_event.h"

enum event_use {
	USE_EVIDENCE, /* a status or message with an id of ours */
	USE_ECHO, /* a message that was sent from an account, without an id of ours */
	USE_WORD, /* a text that was received */
	USE_TEMPLATE,
};

/* What resolves unknown messages here. */
enum resolved_by { RESOLVED_BY_STATUS, RESOLVED_BY_ECHO, RESOLVED_WORDS };

/* A record that decode() has kept. */
struct status_record {
	struct chat_event event;
	enum event_use use;
	struct client_id client; /* of USE_EVIDENCE */
};

struct status_event {
	struct batch_item *item;
	const struct status_record *record;
	const struct account *account;
	struct send_conversation *conversation; /* NULL: its addresses are not needed */
	bool stops; /* of USE_WORD: the text is an opt-out word, otherwise an opt-in word */
};

/* What is evidence of what: an event may have several, one for each address that its recipient may have been dialled by. */
struct piece {
	struct status_event *event;
	const struct outgoing *outgoing; /* of an echo: the message that it matches; else NULL */
};

struct status_worker {
	const struct shared *shared;
	struct effects_ops ops;
	struct effects *effects; /* of the batch */
	struct map *stoppers; /* (workspace, campaign) -> struct campaign_results; in memory only */
	struct map *index; /* of one step */
	size_t resolved[RESOLVED_WORDS], n_duplicates; /* of the batch, counted when it is committed */
};

struct status_work {
	struct status_worker *worker;
	const struct shared *shared;
	struct owner_tx *tx;
	struct pg *pg;
	struct arena *arena;
	int64_t now_ms;
	struct status_event *events;
	size_t n_events;
	struct send_evidence *evidence;
	struct piece *pieces; /* of the evidence at the same place */
	size_t n_evidence, cap_evidence, cap_pieces;
	struct evidence_found *found;
	size_t n_found, cap_found;
};

/* reading.c: what of a record concerns sending; false: nothing. */
bool record_read(struct status_record *r);
enum message_status record_status(const struct status_record *r);
int64_t record_at_ms(const struct status_record *r);
/* Where records that follow from the event are published. */
struct record_target event_target(const struct status_work *w, const struct status_event *e);

/* events.c: accounts and addresses. Events of accounts that do not exist are dropped. */
int events_find(struct status_work *w, struct batch_item *const *items, size_t n, struct err *err) ERR_MUST_USE;

/* evidence.c */
void evidence_add(struct status_work *w, const struct piece *piece, const struct send_evidence *evidence);
int evidence_apply(struct status_work *w, struct err *err) ERR_MUST_USE;
/* echoes.c: adds evidence for those that match exactly one row. */
int echoes_match(struct status_work *w, struct err *err) ERR_MUST_USE;
/* failures.c */
struct decision failure_decision(const struct status_record *r);
/* Locks the lanes that holds of these failures are written to, before rows of sends are locked. */
int failures_lock(struct status_work *w, struct err *err) ERR_MUST_USE;
int failures_add(struct status_work *w, struct err *err) ERR_MUST_USE;
void stoppers_clear(struct status_worker *s);
/* templates.c, words.c */
int templates_apply(struct status_work *w, struct err *err) ERR_MUST_USE;
/* Whether the text is one of the workspace's words, and which. */
bool word_match(struct status_event *e, const struct sending_settings *settings, struct arena *a);
void words_apply(struct status_work *w);

#endif
