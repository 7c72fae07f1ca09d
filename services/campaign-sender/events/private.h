/* Private to events/. */
#ifndef CAMPAIGN_SENDER_EVENTS_PRIVATE_H
#define CAMPAIGN_SENDER_EVENTS_PRIVATE_H

#include "campaign-sender/events/records.h"

struct record_names {
	enum topic topic;
	const char *family, *kind; /* of ce_type: "inbound", "dispatch" */
};
/* Emits one encoded record with its headers. */
void record_emit(const struct record_target *to, const struct record_names *names, const struct uuid *id,
	const char *key, struct str value, int64_t time_ms);
/* A record that breaks a rule of its topic, or is too large: logged without its content. */
void record_not_emitted(const char *kind, const struct uuid *subject, const struct err *err);
/* The longest prefix of at most max_bytes that may be a text of a record; absent: none. In the arena. */
struct str record_text(struct str text, size_t max_bytes, struct arena *a);

#endif
