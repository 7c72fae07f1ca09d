/* Publishing records as the platform's producers do: acknowledged by all in-sync replicas, or reported as failed. */
#ifndef CTL_PRODUCER_H
#define CTL_PRODUCER_H

#include "ctl.h"

struct ctl_producer;
int ctl_producer_open(struct ctl_producer **out, struct ctl *ctl, struct err *err) ERR_MUST_USE;
void ctl_producer_close(struct ctl_producer **p);

/* A record with its CloudEvents headers; all strings are borrowed for the call. */
struct ctl_record {
	enum topic topic;
	struct str key, value;
	struct uuid id; /* ce_id */
	const char *family, *kind; /* ce_type is "blazz.<family>.<kind>" */
	int64_t time_ms;
};
/* Waits while the local queue is full. */
int ctl_producer_put(struct ctl_producer *p, const struct ctl_record *record, struct err *err) ERR_MUST_USE;
/* Waits until all records are acknowledged; returns the first failure. */
int ctl_producer_finish(struct ctl_producer *p, struct err *err) ERR_MUST_USE;

/* Publishes one record and waits for its acknowledgement. */
int ctl_publish(struct ctl *ctl, const struct ctl_record *record, struct err *err) ERR_MUST_USE;

#endif
