/* The members of `data` of each kind of event. Source: README.md, Events.
 *
 * Invariant: members that all events of a type have are always present, null where the value is unknown; members that only some events have
 * are left out of the others. */
#ifndef WEBHOOK_DISPATCHER_DATA_H
#define WEBHOOK_DISPATCHER_DATA_H

#include "webhook-dispatcher/events/render.h"
#include "json/writer.h"

void data_message_created(struct json_writer *w, const struct chat_event *e);
void data_message_edited(struct json_writer *w, const struct chat_event *e);
void data_message_revoked(struct json_writer *w, const struct chat_event *e);
void data_message_status(struct json_writer *w, const struct chat_event *e);
void data_message_reaction(struct json_writer *w, const struct chat_event *e);
void data_contact_changed(struct json_writer *w, const struct chat_event *e);
void data_contact_merged(struct json_writer *w, const struct chat_event *e);
void data_contact_erased(struct json_writer *w, const struct chat_event *e);
void data_group_updated(struct json_writer *w, const struct chat_event *e);
void data_conversation_updated(struct json_writer *w, const struct chat_event *e);
void data_sync(struct json_writer *w, const struct chat_event *e);
void data_session(struct json_writer *w, const struct chat_event *e);
void data_account(struct json_writer *w, const struct chat_event *e);
void data_template(struct json_writer *w, const struct chat_event *e);
void data_campaign(struct json_writer *w, const struct chat_event *e);
void data_endpoint(struct json_writer *w, const struct chat_event *e);

/* The member `chat` of a message.created. */
void data_chat(struct json_writer *w, const struct chat_event *e, enum render_detail detail);

#endif
