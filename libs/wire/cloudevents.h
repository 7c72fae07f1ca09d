/* The CloudEvents 1.0 headers (binary mode) of every record, plus traceparent (https://www.w3.org/TR/trace-context/). */
#ifndef WIRE_CLOUDEVENTS_H
#define WIRE_CLOUDEVENTS_H

#include "base/uuid.h"
#include "wire/records.h"

#define CLOUDEVENTS_MAX 7

/* Fills headers (values in `storage`) and returns how many: ce_id, ce_type, ce_source, ce_time, ce_specversion,
 * content-type and, when traceparent is present, traceparent. type: "blazz.inbound.message" or
 * "blazz.chat_event.message.created". */
struct cloudevents_storage {
	char id[37];
	char time[25];
	char type[64];
};
size_t cloudevents_headers(struct header out[static CLOUDEVENTS_MAX], struct cloudevents_storage *storage,
	const struct uuid *id, const char *family, const char *kind, struct str source, int64_t time_ms,
	struct str traceparent);
/* The 55 characters of a well-formed traceparent, without anything that later versions append; otherwise absent. */
struct str traceparent_check(struct str header);

#endif
