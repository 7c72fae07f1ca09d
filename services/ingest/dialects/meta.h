/* Shared by the parts of the Meta dialect (README.md, Meta). Pure.
 *
 * A POST has entries, an entry changes, a change lists of items. Every item becomes an event, a rejected item that can
 * be posted alone by a replay, or a count of ignored ones.
 *
 *   {"entry": [ {"changes": [ {"field": "messages", "value": {"messages": [...], "statuses": [...], "contacts": [...]}} ]} ]}
 *                              meta_value.c: one reader per list; every other member becomes part of a notice
 */
#ifndef INGEST_META_H
#define INGEST_META_H

#include "base/map.h"
#include "ingest/dialects/intake.h"

#define META_MAX_KIND_BYTES 64   /* of a notice's kind */
#define META_MAX_REFERENCES 1000 /* numbers and WABAs in one body: Meta's own limit of updates per POST */

struct meta_change {
	struct intake *in;
	const struct intake_account *account; /* that the change is about; NULL: unknown */
	const json *entry, *change, *value;
	struct str field, path; /* "entry[0].changes[0].value" */
	int64_t time_ms;        /* of the entry; 0: absent */
	struct map *contacts;   /* value.contacts by wa_id and by user_id */
};

struct meta_item {
	const struct meta_change *change;
	const char *list;   /* the member of value that contains it; NULL: the value itself is the item */
	const json *thread; /* for a message of a history; else NULL */
	const json *v;
	struct str path;
	enum origin origin;
	bool echo; /* sent from the business's phone */
};

/* meta_references.c: ERR_INPUT "400" for a body that is not Meta's. */
int meta_envelope_check(const json *body, struct err *err) ERR_MUST_USE;
/* The phone_number_id that a change is about; absent: the WABA as a whole. */
struct str meta_number_id(const json *change, struct arena *a);

/* meta_value.c */
struct meta_item meta_item(const struct meta_change *c); /* the value itself */
void meta_value_read(const struct meta_change *c);

/* meta_fields.c */
/* Seconds to ms; 0 for anything else and for impossible times. */
int64_t meta_time(const json *seconds);
struct provider_error meta_error(struct arena *a, const json *error);
struct str meta_name(const json *v);                  /* truncated to a name's limit */
struct str meta_link(const json *v);                  /* absent above its limit */
struct str meta_id(const json *v, struct arena *a);   /* string or number; absent above its limit */

/* meta_item.c */
bool meta_add(struct meta_item *it, struct inbound_event *e, struct str provider_key, struct str content);
/* reason: as for intake_reject(). */
void meta_reject(struct meta_item *it, enum dead_reason reason, const char *message);
/* A body with that entry alone. */
struct str meta_entry_body(struct intake *in, const json *entry);
/* An event with the item's origin and time (seconds, as number or string; NULL: the entry's). */
struct inbound_event *meta_event(struct meta_item *it, enum inbound_kind kind, const json *seconds);

/* meta_party.c */
void meta_contacts_index(struct meta_change *c);
/* The person with these ids, with details from value.contacts; either id may be absent. */
struct party meta_party(const struct meta_change *c, struct str wa_id, struct str user_id);
/* The same from the item's members of these names, such as ("from", "from_user_id"). */
struct party meta_party_of(const struct meta_item *it, const char *wa_id, const char *user_id);
bool meta_is_own_number(const struct meta_change *c, struct str phone);
/* Writes the member "contacts" with those of value.contacts that the item refers to, as a replay needs them; nothing
 * when there are none. */
void meta_contacts_write(const struct meta_item *it, struct json_writer *w);
/* A group's participants: [{wa_id, user_id}]. */
void meta_participants(const struct meta_item *it, const char *member, struct in_group_change *g);

/* Readers: one function for each list in value. */
void meta_message(struct meta_item *it);
void meta_status(struct meta_item *it);
void meta_history(struct meta_item *it);
void meta_state_sync(struct meta_item *it);
void meta_preference(struct meta_item *it);
void meta_group(struct meta_item *it);
void meta_call(struct meta_item *it);
void meta_channel_error(struct meta_item *it);

/* meta_account.c */
/* A change without a reader of its own: templates, the account, anything new. */
void meta_notice(struct meta_item *it, struct str kind);
/* members: those of the value that no reader covers, a JSON object. They become one notice under the field's name. */
void meta_unhandled(struct meta_item *it, struct str members);

/* meta_content.c: fills type, body, media, location and placeholder from the object that has the member `type`.
 * False: not understood; the type is then MSG_UNKNOWN. */
bool meta_content(struct meta_item *it, const json *holder, struct in_message *m);
/* A message's further members, for extra; absent: none. Sets *too_large when they exceed an event's limit. */
struct str meta_extra(struct meta_item *it, bool *too_large);

/* meta_identity.c: a system message that announces a person's new number or id; false: it is of another kind. */
bool meta_identity(struct meta_item *it);
/* The call in a status of type "call". */
void meta_call_status(struct meta_item *it);

#endif
