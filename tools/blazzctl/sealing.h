/* Secrets on their way into a row: the sealed JSON that ingest and the senders open. */
#ifndef SEALING_H
#define SEALING_H

#include "ctl.h"

/* "Which row" as part of what is sealed: this word and the row's public id, as who opens it expects it. */
#define SEALING_APP      "app"
#define SEALING_ACCOUNT  "account"
#define SEALING_ENDPOINT "endpoint"

/* One member of the sealed object: a list of secrets, or a single one. */
struct sealing_member {
	const char *name;
	const struct str *values;
	size_t n;
	bool single;
};

/* Appends the sealed form. */
int sealing_seal(struct ctl *ctl, const char *what, const struct uuid *row, const struct sealing_member *members,
	size_t n, struct buf *out, struct err *err) ERR_MUST_USE;
/* The secrets of a file, one a line, into text (wiped by the caller) and values; without a file one that is made up, which *made
 * tells. ERR_INPUT. */
struct sealing_secrets {
	struct buf text;
	struct str values[OPTION_TEXTS_MAX];
	size_t n;
	bool made;
};
int sealing_secrets_read(const char *file, struct sealing_secrets *out, struct err *err) ERR_MUST_USE;
void sealing_secrets_fini(struct sealing_secrets *s);

#endif
