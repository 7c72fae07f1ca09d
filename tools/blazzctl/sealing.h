/* Sealing the secrets of a row: JSON that ingest and the senders open. */
#ifndef SEALING_H
#define SEALING_H

#include "crypto/sealed_row.h"
#include "ctl.h"

/* One member of the sealed object: a list of secrets or a single one. */
struct sealing_member {
	const char *name;
	const struct str *values;
	size_t n;
	bool single;
};

/* Appends the sealed object to out. */
int sealing_seal(struct ctl *ctl, const char *what, const struct uuid *row, const struct sealing_member *members,
	size_t n, struct buf *out, struct err *err) ERR_MUST_USE;
/* Reads secrets from a file, one per line, into text (the caller wipes it) and values; without a file generates one
 * and sets *made. ERR_INPUT. */
struct sealing_secrets {
	struct buf text;
	struct str values[OPTION_TEXTS_MAX];
	size_t n;
	bool made;
};
int sealing_secrets_read(const char *file, struct sealing_secrets *out, struct err *err) ERR_MUST_USE;
void sealing_secrets_fini(struct sealing_secrets *s);

/* A row's sealed object, opened; absent: an empty object. ERR_INPUT. */
struct sealing_opened {
	struct buf text;
	struct json_doc *doc;
};
int sealing_open(struct ctl *ctl, const char *what, const struct uuid *row, struct str sealed,
	struct sealing_opened *out, struct err *err) ERR_MUST_USE;
void sealing_opened_fini(struct sealing_opened *o);
/* The new values of members, and a flag (NULL: none), which is a member only when it is set. */
struct sealing_change {
	const struct sealing_member *members;
	size_t n;
	const char *name_of_switch;
	bool on;
};
/* Seals a change; members of former (NULL: none) that it does not name stay. */
int sealing_reseal(struct ctl *ctl, const char *what, const struct uuid *row, const struct sealing_opened *former,
	const struct sealing_change *c, struct buf *out, struct err *err) ERR_MUST_USE;
/* How many secrets the lists of these names have; *known is false when they cannot be opened with this keyring.
 * members is NULL-terminated. */
size_t sealing_count(struct ctl *ctl, const char *what, const struct uuid *row, struct str sealed,
	const char *const *members, bool *known);

/* A change of one list: new secrets are added at the front, then the newest `keep` are kept (0: all). */
struct sealing_edit_options {
	const char *add_file, *remove_file;
	bool make; /* generate one and add it */
	int64_t keep;
};
struct sealing_edit {
	const char *member;
	struct sealing_secrets added, removed;
	int64_t keep;
};
struct sealing_list {
	struct str values[OPTION_TEXTS_MAX];
	size_t n;
};
int sealing_edit_read(const struct sealing_edit_options *o, const char *member, struct sealing_edit *out,
	struct err *err) ERR_MUST_USE;
void sealing_edit_fini(struct sealing_edit *e);
/* The changed list, borrowed from both. ERR_INPUT when it becomes too long, or a secret to remove is not in it. */
int sealing_list_edit(struct sealing_list *l, const struct sealing_opened *o, const struct sealing_edit *e,
	struct err *err) ERR_MUST_USE;

#endif
