/* Publishing records as the platform's producers do: acknowledged by all in-sync replicas, or reported as failed. */
#ifndef PUBLISHER_H
#define PUBLISHER_H

#include "ctl.h"

struct publisher;
int publisher_open(struct publisher **out, struct ctl *ctl, struct err *err) ERR_MUST_USE;
void publisher_close(struct publisher **p);

/* A record with its CloudEvents headers; all strings are borrowed for the call. */
struct publication {
	enum topic topic;
	struct str key, value;
	struct uuid id; /* ce_id */
	const char *family, *kind; /* ce_type is "blazz.<family>.<kind>" */
	int64_t time_ms;
};
/* Waits while the local queue is full. */
int publisher_put(struct publisher *p, const struct publication *record, struct err *err) ERR_MUST_USE;
/* Waits until all records are acknowledged; returns the first failure. */
int publisher_finish(struct publisher *p, struct err *err) ERR_MUST_USE;

/* Publishes one record and waits for its acknowledgement. */
int publish_one(struct ctl *ctl, const struct publication *record, struct err *err) ERR_MUST_USE;

#endif
