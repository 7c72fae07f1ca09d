/* Private to intake: one batch of requests, step by step.
 *
 *   records ─► requests_find() ─► choose_accounts() ─► check_contents() ─► requests_write()
 *              references, dead     one account each     its code, when       rows, Dispatches,
 *              letters, repeats                          it cannot be sent    lanes that are due
 */
#ifndef CAMPAIGN_SENDER_INTAKE_PRIVATE_H
#define CAMPAIGN_SENDER_INTAKE_PRIVATE_H

#include "base/map.h"
#include "campaign-sender/accounts/choice.h"
#include "campaign-sender/content/fit.h"
#include "campaign-sender/intake/intake.h"

struct request {
	struct batch_item *item;
	const struct send_message *message; /* with the contact's addresses instead of the contact */
	struct str content; /* its encoding */
	const struct send_reference *reference;
	const struct account *account; /* that sends it; NULL: none can */
	const struct account
		*shown_under; /* `account`, else the one that stands for the workspace; NULL: it has none */
	struct outgoing *outgoing;
	struct str address; /* of its row */
	bool dialled; /* the address is the recipient's, and not made up */
	const char *code; /* why it cannot be sent: our word, static; NULL: it can */
	struct str reason; /* the same for people */
};

struct requests {
	struct request *at;
	size_t n;
};

/* An account with a row that is due. */
struct due_account {
	int64_t workspace_id, account_id;
};

struct intake {
	const struct shared *shared;
	struct intake_ops ops;
	struct map *index; /* of one step */
	struct due_account *due; /* committed or not: a lane that looks in vain loses nothing */
	size_t n_due, cap_due;
};

struct intake_work {
	struct intake *intake;
	const struct shared *shared;
	struct owner_tx *tx;
	struct pg *pg;
	struct arena *arena;
	int64_t now_ms;
	bool restoring; /* a restore of the database is not accepted; known when a request would fail otherwise */
	struct requests requests;
};

/* references.c: the requests of the records. Those that name what does not exist become dead letters, those that were
 * made before have no effect. */
int requests_find(struct intake_work *w, struct batch_item *const *items, size_t n, struct err *err) ERR_MUST_USE;
/* repeats.c: whether the request was made before; one with other content is logged. */
bool request_repeats(struct intake_work *w, struct request *r);
/* choosing.c: loads the accounts and chooses one for each; a named one that is not the workspace's makes a dead letter. */
int choose_accounts(struct intake_work *w, struct err *err) ERR_MUST_USE;
/* checking.c: reads the contents, before accounts are chosen, since not every account can carry every content. */
int contents_read(struct intake_work *w, struct err *err) ERR_MUST_USE;
/* Sets code and reason of those that cannot be sent, and the addresses of all. */
int check_contents(struct intake_work *w, struct err *err) ERR_MUST_USE;
/* writing.c */
int requests_write(struct intake_work *w, struct err *err) ERR_MUST_USE;

#endif
