/* SQLSTATE to error kind (PostgreSQL documentation, appendix A). Invariant: only errors caused by the data are
 * ERR_INPUT or ERR_CONFLICT. All others are ERR_RETRY: connection, resources, operator intervention, privileges, schema
 * and unknown codes are faults of the database, which pass or are repaired, and a batch that is retried is never
 * lost. */
#include "pg/private.h"

/* The first matching prefix decides: codes come before their class. */
static const struct {
	const char *prefix;
	enum err_kind kind;
} decisions[] = {
	{ "23505", ERR_CONFLICT }, /* unique_violation: the row is stored already */
	{ "21", ERR_INPUT }, /* cardinality violation: the same row twice in one statement */
	{ "22", ERR_INPUT }, /* data exception */
	{ "23", ERR_INPUT }, /* integrity constraint violation */
	{ "54", ERR_INPUT }, /* program limit exceeded: a value too large for an index, nested too deeply */
};

enum err_kind pg_sqlstate_kind(const char *sqlstate)
{
	struct str s = str_of(sqlstate);

	for (size_t i = 0; i < sizeof(decisions) / sizeof(decisions[0]); i++)
		if (str_starts(s, str_of(decisions[i].prefix)))
			return decisions[i].kind;
	return ERR_RETRY;
}

/* `FATAL:  28P01: password ...`: a severity (in the server's language), two spaces, the code. */
bool pg_sqlstate_find(const char *message, char out[static 6])
{
	for (const char *at = message; (at = strstr(at, ":  ")); at++) {
		const char *code = at + 3;

		if (strspn(code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && code[5] == ':') {
			memcpy(out, code, 5);
			out[5] = '\0';
			return true;
		}
	}
	return false;
}

bool pg_is_data_error(const struct err *err)
{
	return err->kind == ERR_INPUT || err->kind == ERR_CONFLICT;
}

/* lock_not_available, deadlock_detected */
bool pg_is_lock_error(const struct err *err)
{
	return strcmp(err->code, "55P03") == 0 || strcmp(err->code, "40P01") == 0;
}
