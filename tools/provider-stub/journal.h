/* The journal: one JSON line for each message that was accepted or refused, in a file and, for GET /_journal, the newest
 * in memory. Invariant: a line is written to the file before the request is answered in any way. */
#ifndef PROVIDER_STUB_JOURNAL_H
#define PROVIDER_STUB_JOURNAL_H

#include "stub.h"

struct stub_journal;

struct stub_journal_entry {
	const struct stub_call *call;
	bool accepted;
	const char *id; /* NULL: none given */
	int status; /* of the answer; 0: none */
	const char *end; /* how the exchange ends: "answer", "hang", "reset", "cut" */
	struct str reason; /* of a refusal: our word, or the code */
	struct str rule; /* the name of the rule that decided; absent: none */
	int64_t at_ms;
};

struct stub_journal_options {
	const char *file; /* appended to; NULL or "": lines are kept in memory only */
	size_t keep; /* so many lines */
	bool bodies; /* lines hold the request, too */
	uint64_t next_seq; /* of the first line */
};
/* ERR_FATAL. */
int stub_journal_open(struct stub_journal **out, const struct stub_journal_options *o, struct err *err) ERR_MUST_USE;
void stub_journal_close(struct stub_journal *j); /* accepts NULL */
/* ERR_FATAL when the line cannot be written. */
int stub_journal_write(struct stub_journal *j, const struct stub_journal_entry *e, struct err *err) ERR_MUST_USE;
uint64_t stub_journal_lines(const struct stub_journal *j); /* also those of the file before the start */

/* Absent and false members match every line. */
struct stub_journal_filter {
	struct str provider, account, recipient, client_message_id, act, accepted, rule;
	int64_t after, limit; /* after: only lines with a greater seq */
};
void stub_journal_read(const struct stub_journal *j, const struct stub_journal_filter *f, struct buf *out);

#endif
