/* The ChatEvents of messages, as effects of the ops that cause them. A view is made when the effect is added: of the row as it is then. */
#ifndef CHAT_SYNC_FOLD_MESSAGE_EFFECTS_H
#define CHAT_SYNC_FOLD_MESSAGE_EFFECTS_H

#include "chat-sync/effect.h"

struct effect *message_effect(struct work *w, struct op *op, struct message *m, enum chat_event_kind kind);
void effect_add_created(struct work *w, struct op *op, struct message *m, struct str body);
/* filled: a better copy replaced the content (a placeholder's, a call's); the event then has the whole message. */
void effect_add_edited(struct work *w, struct op *op, struct message *m, struct str body, bool filled);
void effect_add_revoked(struct work *w, struct op *op, struct message *m, bool for_us_only);
void effect_add_status(struct work *w, struct op *op, struct message *m, const struct in_status *s);
/* The status that the row has: what was published of it before did not name our id. */
void effect_add_known_status(struct work *w, struct op *op, struct message *m);

#endif
