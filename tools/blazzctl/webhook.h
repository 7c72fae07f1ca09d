/* Shared by the webhook commands: finding an endpoint by its id, and opening its keys. */
#ifndef WEBHOOK_H
#define WEBHOOK_H

#include "sealing.h"
#include "store/webhook_endpoints.h"

struct json_doc;

#define WEBHOOK_KEYS_MAX 16

/* Secrets, newest first, and when each expires (ms since 1970; INT64_MAX: never). They point into the texts. */
struct webhook_keys {
	size_t n;
	struct str secret[WEBHOOK_KEYS_MAX];
	int64_t expires_at_ms[WEBHOOK_KEYS_MAX];
	struct buf text;
	struct json_doc *doc;
};
/* From a file with one per line, newest first ("-": standard input); without a file generates one, "whsec_…". */
int webhook_keys_read(const char *file, struct webhook_keys *out, struct err *err) ERR_MUST_USE;
/* The keys of an endpoint. ERR_INPUT for a pusher, which has none. */
int webhook_keys_open(struct ctl *ctl, const struct endpoint_row *e, struct webhook_keys *out,
	struct err *err) ERR_MUST_USE;
/* Appends {"keys":[…]} for signing_keys_parse(); the caller wipes it. */
void webhook_keys_write(const struct webhook_keys *k, struct buf *out);
/* Appends the same, sealed for the endpoint. */
int webhook_keys_seal(struct ctl *ctl, const struct uuid *endpoint, const struct webhook_keys *k, struct buf *out,
	struct err *err) ERR_MUST_USE;
void webhook_keys_fini(struct webhook_keys *k);

/* A Pusher application. */
struct webhook_pusher {
	const char *app_id, *key, *channel; /* channel may be NULL */
	const char *secret_file;
};
/* Appends it in the form of pusher_parse(), sealed for the endpoint. */
int webhook_pusher_seal(struct ctl *ctl, const struct uuid *endpoint, const struct webhook_pusher *p, struct buf *out,
	struct err *err) ERR_MUST_USE;

/* The endpoint that a command's argument names; its strings are in the arena. */
int webhook_find(struct ctl *ctl, const char *id, struct arena *a, struct endpoint_row *out,
	struct err *err) ERR_MUST_USE;
/* The items of a comma-separated list, in the arena; none for an absent list. */
struct str *webhook_parts(struct str list, struct arena *a, size_t *n);

/* webhook_show.c, webhook_send.c: commands of the table in webhook.c. */
int webhook_show(struct ctl *ctl, const void *options, char *const *arguments, struct err *err);
struct webhook_sign_options {
	const char *secret_file, *id, *signature;
	int64_t timestamp_s;
};
int webhook_test(struct ctl *ctl, const void *options, char *const *arguments, struct err *err);
int webhook_sign_body(struct ctl *ctl, const void *options, char *const *arguments, struct err *err);
int webhook_verify_body(struct ctl *ctl, const void *options, char *const *arguments, struct err *err);

#endif
