/* A group's settings under the same names for all dialects: {messagesAdminsOnly, editInfoAdminsOnly, approvalRequired,
 * memberAddAdminsOnly, ephemeralSeconds}, each only if the source has it (README.md, Group settings). Pure. */
#ifndef INGEST_GROUP_SETTINGS_H
#define INGEST_GROUP_SETTINGS_H

#include "base/arena.h"
#include "json/json.h"

/* The settings in a group object of any dialect, as JSON; absent when it has none. */
struct str group_settings_read(const json *group, struct arena *a);
/* The setting in a notification of whatsapp-web.js: its type, and "on", "off" or seconds. */
struct str group_settings_notified(struct str type, struct str value, struct arena *a);

#endif
