/* The secrets of an account or an app: the column secrets, opened. Several of a kind are valid at once, for rotation. */
#ifndef STORE_SECRETS_H
#define STORE_SECRETS_H

#include "base/arena.h"
#include "crypto/sealed_row.h"

struct secret_list {
	struct str *items;
	size_t n;
};

struct secrets {
	struct secret_list signing_keys, tokens; /* of an account */
	struct secret_list app_secrets; /* of an app */
	struct str verify_token; /* of an app; absent: none */
	struct str access_token; /* of an account, for sending; absent: none, or opened for receiving */
	bool require_timestamp; /* of an account: accept only Standard Webhooks, whose signature covers the time */
};

/* What a program opens them for: one that only verifies requests keeps no token with which it could send. */
enum secrets_use {
	SECRETS_RECEIVE,
	SECRETS_SEND,
};

/* Opens what was sealed for this row (crypto/sealed_row.h); `sealed` of no bytes has no secrets. Copied into the arena.
 * Errors as unseal() and store_secrets_parse(). */
int store_secrets_open(struct secrets *out, const struct keyring *k, const char *what, const struct uuid *row,
	struct str sealed, enum secrets_use use, struct arena *a, struct err *err) ERR_MUST_USE;
/* The same of the opened text: {"signing_keys": [...], "tokens": [...], "access_token": "...", "require_timestamp": true} or
 * {"app_secrets": [...], "verify_token": "..."}. Empty secrets and values of other types are skipped, other members ignored.
 * ERR_INPUT when text is not an object; the message never quotes it. */
int store_secrets_parse(struct secrets *out, struct str text, enum secrets_use use, struct arena *a,
	struct err *err) ERR_MUST_USE;

#endif
