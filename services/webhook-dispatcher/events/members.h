/* JSON members of the values that events have. An absent value is null; jw_member_str() and the like of json/writer.h leave it out instead. */
#ifndef WEBHOOK_DISPATCHER_MEMBERS_H
#define WEBHOOK_DISPATCHER_MEMBERS_H

#include "wire/chat_event.h"
#include "json/writer.h"

void member_text(struct json_writer *w, const char *key, struct str v);
void member_word(struct json_writer *w, const char *key, const char *word); /* "": null */
void member_uuid(struct json_writer *w, const char *key, const struct uuid *u); /* nil: null */
void member_time(struct json_writer *w, const char *key, int64_t ms); /* 0: null */
void member_count(struct json_writer *w, const char *key, int64_t n); /* 0: null, because it is not known */
void member_texts(struct json_writer *w, const char *key, const struct str *texts, size_t n);
/* Begins an object, which the caller ends. */
void member_object(struct json_writer *w, const char *key);

/* These leave the whole member out when there is no such contact, group, person or error. */
void member_contact(struct json_writer *w, const char *key, const struct contact_view *c);
void member_group(struct json_writer *w, const struct group_view *g);
void member_party(struct json_writer *w, const char *key, const struct party *p);
void member_error(struct json_writer *w, const struct provider_error *e);
/* The members of a person, without an object around them; each is left out when it is not known. */
void party_members(struct json_writer *w, const struct party *p);

#endif
