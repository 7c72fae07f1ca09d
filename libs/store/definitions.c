/* What workspaces, apps and accounts have in common when blazzctl defines them; see definitions.h. */
#include "store/definitions_private.h"

#include <string.h>

/* Messages for violated constraints, for the operator whose command failed; they never name the other tenant. */
static const struct {
	const char *constraint;
	enum err_kind kind;
	const char *means;
} constraints[] = {
	{ "workspaces_uuid_key", ERR_CONFLICT, "the id is taken" },
	{ "provider_apps_uuid_key", ERR_CONFLICT, "the id is taken" },
	{ "whatsapp_accounts_uuid_key", ERR_CONFLICT, "the id is taken" },
	{ "whatsapp_accounts_session_id_key", ERR_CONFLICT, "the session id is taken" },
	{ "whatsapp_accounts_phone_number_id", ERR_CONFLICT, "the phone number id is taken by another account" },
	{ "whatsapp_accounts_provider_ref", ERR_CONFLICT,
		"the ref is taken by another account of this kind of bridge and instance" },
	{ "whatsapp_accounts_session_name", ERR_CONFLICT,
		"another account of this instance has a session of that name" },
	{ "whatsapp_accounts_waba_owner", ERR_CONFLICT, "the WABA is taken by another workspace of this app" },
	{ "whatsapp_accounts_session_is_no_uuid", ERR_INPUT, "a session id must not look like a UUID" },
	{ "whatsapp_accounts_session_id_check", ERR_INPUT, "a session id has 1 to 200 bytes" },
};

static bool quotes(const char *quoted, const char *name)
{
	return strncmp(quoted, name, strlen(name)) == 0 && quoted[strlen(name)] == '"';
}

/* PostgreSQL's messages quote the constraint's name. */
int definition_explain(struct err *err)
{
	const char *name = err ? strchr(err->msg, '"') : NULL;

	for (; name; name = strchr(name + 1, '"'))
		for (size_t i = 0; i < sizeof(constraints) / sizeof(constraints[0]); i++)
			if (quotes(name + 1, constraints[i].constraint)) {
				char code[sizeof(err->code)];

				memcpy(code, err->code, sizeof(code));
				return err_set(err, constraints[i].kind, code, "%s", constraints[i].means);
			}
	return -1;
}

int definition_run(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, struct pg_rows **rows,
	struct err *err)
{
	int rc = pg_run(pg, stmt, args, rows, err);

	pg_args_free(args);
	return rc;
}

int definition_run_id(struct pg *pg, const struct pg_stmt *stmt, struct pg_args *args, int64_t *id, struct err *err)
{
	struct pg_rows *rows = NULL;

	if (definition_run(pg, stmt, args, &rows, err) < 0)
		return -1;
	if (pg_rows_count(rows) > 0)
		*id = pg_i64(rows, 0, 0);
	pg_rows_free(rows);
	return 0;
}

struct str definition_text(struct cells *c)
{
	struct str s = cells_borrow(c);

	return c->arena ? arena_str(c->arena, s) : s;
}
