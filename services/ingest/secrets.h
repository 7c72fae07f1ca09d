/* The opened secrets of an account or an app, which authenticate its requests. Several are valid at once, for
 * rotation. */
#ifndef INGEST_SECRETS_H
#define INGEST_SECRETS_H

#include "base/arena.h"
#include "base/err.h"

struct secret_list {
	struct str *items;
	size_t n;
};

struct secrets {
	struct secret_list signing_keys, tokens; /* of an account */
	struct secret_list app_secrets;          /* of an app */
	struct str verify_token;                 /* of an app; absent: none */
	bool require_timestamp; /* of an account: accept only Standard Webhooks, whose signature covers the time */
};

/* From {"signing_keys": [...], "tokens": [...], "require_timestamp": true} or {"app_secrets": [...], "verify_token":
 * "..."}, copied into the arena. Empty secrets and values of other types are skipped, other members ignored.
 * ERR_INPUT when text is not an object; the message never quotes it. */
int secrets_parse(struct secrets *out, struct str text, struct arena *a, struct err *err) ERR_MUST_USE;

#endif
