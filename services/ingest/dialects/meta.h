/* What the parts of the Meta dialect share (README.md, Meta). Pure.
 *
 * A POST is entries of changes of lists of items. Every item of every list becomes an event, a rejected item that can be
 * posted again by itself, or a count.
 */
#ifndef INGEST_META_H
#define INGEST_META_H

#include "base/map.h"
#include "ingest/dialects/intake.h"

#define META_MAX_KIND_BYTES 64   /* of a notice */
#define META_MAX_REFERENCES 1000 /* numbers and WABAs of one body: Meta's own limit of updates */

struct meta_change {
	struct intake *in;
	const struct intake_account *account; /* what the change is about; NULL: not known */
	const json *entry, *change, *value;
	struct str field, path; /* "entry[0].changes[0].value" */
	int64_t time_ms;        /* of the entry; 0: not said */
	struct map *contacts;   /* value.contacts by wa_id and by user_id */
};

struct meta_item {
	const struct meta_change *change;
	const char *list;   /* of value; NULL: the value itself is the item */
	const json *thread; /* of a history; else NULL */
	const json *v;
	struct str path;
	enum origin origin;
	bool echo; /* from the business's phone */
};

/* meta_references.c: ERR_INPUT "400" for what is no body of Meta's. */
int meta_envelope_check(const json *body, struct err *err) ERR_MUST_USE;
/* The number that a change is about; absent: a WABA as a whole. */
struct str meta_number_id(const json *change, struct arena *a);

/* meta_value.c */
struct meta_item meta_item(const struct meta_change *c); /* the value itself */
void meta_value_read(const struct meta_change *c);
/* A member of the value that says something which no list of ours reads. */
bool meta_is_news(struct str member, const json *v);

/* meta_item.c */
bool meta_add(struct meta_item *it, struct inbound_event *e, struct str provider_key, struct str content);
/* reason as in intake_reject(). */
void meta_reject(struct meta_item *it, enum dead_reason reason, const char *message);
/* A POST of that entry alone. */
struct str meta_entry_body(struct intake *in, const json *entry);
/* An event with the item's origin and time (seconds, as number or text; NULL: the entry's). */
struct inbound_event *meta_event(struct meta_item *it, enum inbound_kind kind, const json *seconds);
/* Seconds to ms; 0 for anything else and for what no clock could have said. */
int64_t meta_time(const json *seconds);
struct provider_error meta_error(struct arena *a, const json *error);
struct str meta_name(const json *v);                  /* cut to a name's limit */
struct str meta_link(const json *v);                  /* absent beyond its limit */
struct str meta_id(const json *v, struct arena *a);   /* text or number; absent beyond its limit */

/* meta_party.c */
void meta_contacts_index(struct meta_change *c);
/* One person under both names, with what value.contacts says of them; either may be absent. */
struct party meta_party(const struct meta_change *c, struct str wa_id, struct str user_id);
/* The members of the item that say who: ("from", "from_user_id"). */
struct party meta_party_of(const struct meta_item *it, const char *wa_id, const char *user_id);
bool meta_is_own_number(const struct meta_change *c, struct str phone);
/* The member "contacts": what a replay needs of those of value.contacts that the item names; nothing when it names none. */
void meta_contacts_write(const struct meta_item *it, struct json_writer *w);
/* [{wa_id, user_id}] of a group. */
void meta_participants(const struct meta_item *it, const char *member, struct in_group_change *g);

/* One function for each list of value. */
void meta_message(struct meta_item *it);
void meta_status(struct meta_item *it);
void meta_history(struct meta_item *it);
void meta_state_sync(struct meta_item *it);
void meta_preference(struct meta_item *it);
void meta_group(struct meta_item *it);
void meta_call(struct meta_item *it);
void meta_channel_error(struct meta_item *it);

/* meta_account.c */
/* What no list of ours reads: templates, the account, anything new. */
void meta_notice(struct meta_item *it, struct str kind);
/* What lies beside lists that were read: the members of the value that are news, as one notice of the field. */
void meta_news(struct meta_item *it);

/* meta_content.c: type, body, media, location and placeholder from the object that holds the member `type`; false: not
 * understood, the type is MSG_UNKNOWN then. */
bool meta_content(struct meta_item *it, const json *holder, struct in_message *m);
/* Further facts of a message; absent: none. Sets *too_large when there are more than an event can hold. */
struct str meta_extra(struct meta_item *it, bool *too_large);

/* meta_identity.c: a system message that says that somebody has a new number or id; false: it says something else. */
bool meta_identity(struct meta_item *it);
/* The call in a status of type "call". */
void meta_call_status(struct meta_item *it);

#endif
