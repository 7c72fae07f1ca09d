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

/* What is sealed in a row, opened; absent: an empty object. ERR_INPUT. */
struct sealing_opened {
	struct buf text;
	struct json_doc *doc;
};
int sealing_open(struct ctl *ctl, const char *what, const struct uuid *row, struct str sealed,
	struct sealing_opened *out, struct err *err) ERR_MUST_USE;
void sealing_opened_fini(struct sealing_opened *o);
/* Members as they become, and a switch (NULL: none), which is there when it is on. */
struct sealing_change {
	const struct sealing_member *members;
	size_t n;
	const char *name_of_switch;
	bool on;
};
/* Seals a change; members of former (NULL: none) that it does not name stay. */
int sealing_reseal(struct ctl *ctl, const char *what, const struct uuid *row, const struct sealing_opened *former,
	const struct sealing_change *c, struct buf *out, struct err *err) ERR_MUST_USE;
/* How many secrets the lists of these names hold; not *known when they cannot be opened here. members ends with NULL. */
size_t sealing_count(struct ctl *ctl, const char *what, const struct uuid *row, struct str sealed,
	const char *const *members, bool *known);

/* A change of one list: what is added goes to the front, then the newest `keep` stay (0: all). */
struct sealing_edit_options {
	const char *add_file, *remove_file;
	bool make; /* add one that is made up */
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
/* The list as it becomes, borrowed from both. ERR_INPUT when it gets too long, or what is to be removed is not there. */
int sealing_list_edit(struct sealing_list *l, const struct sealing_opened *o, const struct sealing_edit *e,
	struct err *err) ERR_MUST_USE;

#endif
