/* The records that cleanup publishes, through the outbox of an open transaction (worker/lease.h): to inbound what it found out about
 * sessions and what operators should know, to chat-event what it did to accounts. */
#ifndef CLEANUP_RECORDS_H
#define CLEANUP_RECORDS_H

#include "kafka/topics.h"
#include "store/cleanup_accounts.h"
#include "wire/erasure.h"
#include "wire/inbound.h"
#include "worker/lease.h"

struct record_target {
	struct lease *lease;
	const struct topic_names *topics;
	struct arena *arena; /* for one record */
	int64_t now_ms;
};

/* The session's state as it was observed at at_us: chat-sync ignores it when a later report has arrived meanwhile. The id depends on
 * the account, the state and status_at, so that the same finding is published once. */
struct session_record {
	enum session_word state;
	enum session_reason reason;
	struct str phone; /* absent: not known */
	int64_t at_us;
};
void record_session(const struct record_target *to, const struct cleanup_account *account,
	const struct session_record *s);

/* account.notice, by way of chat-sync: kind as "reconnect_gave_up". Once for each account, kind and at_us. */
struct notice_record {
	const char *kind;
	enum severity severity;
	struct str text; /* a sentence for people */
	int64_t at_us;
};
void record_notice(const struct record_target *to, const struct cleanup_account *account,
	const struct notice_record *n);

/* A conversation's messages up to read_ms (since the epoch) count as read. */
void record_read(const struct record_target *to, const struct cleanup_account *account, const struct uuid *conversation,
	int64_t read_ms);

/* contact_erase, a stage of an erasure; `part` tells its records of one stage apart, and a repeat has the same. */
void record_erase(const struct record_target *to, const struct cleanup_account *account, const struct uuid *erasure,
	const struct in_contact_erase *what, struct str part);
/* The ledger's record of an erasure; word: "begun", "until", "completed". */
void record_erasure(const struct record_target *to, const struct erasure_record *r, const char *word);
/* account.migrated: from one instance to another. */
void record_migrated(const struct record_target *to, const struct cleanup_account *account, int64_t from, int64_t index,
	const char *why);
/* account.cleaned: deleted, for a reason of session_cleanup_logs. */
void record_cleaned(const struct record_target *to, const struct cleanup_account *account, const char *reason);

#endif
