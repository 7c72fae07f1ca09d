/* Finding what the commands for messages, audiences and campaigns name on the command line. */
#ifndef TENANTS_H
#define TENANTS_H

#include "ctl.h"
#include "store/definitions.h"

struct tenant {
	int64_t id;
	struct uuid uuid;
};
/* The workspace of --workspace, by uuid or name. ERR_USAGE when the option is missing, ERR_INPUT "unknown". */
int tenant_find(struct ctl *ctl, const char *workspace, struct tenant *out, struct err *err) ERR_MUST_USE;
/* An account of that workspace, by uuid or session id; strings are in the arena. ERR_INPUT "unknown". */
int tenant_account(struct ctl *ctl, const struct tenant *t, const char *account, struct arena *a,
	struct account_info *out, struct err *err) ERR_MUST_USE;
/* The audience of that workspace, by uuid or name. ERR_INPUT "unknown", "ambiguous". */
int tenant_group(struct ctl *ctl, const struct tenant *t, const char *group, struct uuid *out,
	struct err *err) ERR_MUST_USE;

/* The value of an option: JSON itself, or the contents of the file that it names ("-": standard input), in the arena.
 * ERR_INPUT unless it is JSON of that type. */
int ctl_json_read(const char *name, const char *value, bool list, struct arena *a, struct str *out,
	struct err *err) ERR_MUST_USE;
/* Parses an instant that may lie in the future: RFC 3339, or "+2h" from now on. ERR_USAGE. */
int ctl_instant(const char *name, const char *text, int64_t now_ms, int64_t *out, struct err *err) ERR_MUST_USE;

#endif
