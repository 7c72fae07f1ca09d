/* Shared by the commands of messages. */
#ifndef MESSAGES_H
#define MESSAGES_H

#include "ctl.h"
#include "store/sends_ops.h"
#include "wire/outbound.h"

/* The recipient that a command line names: a contact's UUID; lid:DIGITS, bsuid:ID, group:ID; an address with @ (of a group,
 * with @g.us); else a phone number, in national format when a country is given. Strings are in the arena. ERR_INPUT. */
int recipient_parse(const char *to, const char *country, struct arena *a, struct send_message *m,
	struct err *err) ERR_MUST_USE;

/* messages_show.c: commands of the table in messages.c. */
struct message_show_options {
	const char *workspace;
};
int message_show(struct ctl *ctl, const void *options, char *const *arguments, struct err *err);
/* Waits until the message of the request has ended, and prints its row. ERR_RETRY "timeout"; ERR_INPUT when it was not
 * sent. */
int message_wait(struct ctl *ctl, int64_t workspace_id, const struct uuid *request, int64_t timeout_ms,
	struct err *err) ERR_MUST_USE;

#endif
