/* A group's settings in one vocabulary, whatever a dialect calls them: {messagesAdminsOnly, editInfoAdminsOnly, approvalRequired,
 * memberAddAdminsOnly, ephemeralSeconds}, each only where the source says it (README.md, Group settings). Pure. */
#ifndef INGEST_GROUP_SETTINGS_H
#define INGEST_GROUP_SETTINGS_H

#include "base/arena.h"
#include "json/json.h"

/* What the object of any dialect says, as JSON; absent when it says nothing of them. */
struct str group_settings_read(const json *group, struct arena *a);
/* What a notification of whatsapp-web.js says: its type, and "on", "off" or seconds. */
struct str group_settings_told(struct str type, struct str value, struct arena *a);

#endif
