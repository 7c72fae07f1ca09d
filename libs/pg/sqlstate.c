/* What to do about a SQLSTATE (PostgreSQL documentation, appendix A). Invariant: only what the data are to blame for is ERR_INPUT or
 * ERR_CONFLICT. All else is ERR_RETRY: connection, resources, intervention, rights, schema and whatever is not known here are the
 * database's trouble, which passes or is mended, and a batch that is tried again is never lost. */
#include "pg/private.h"

/* The first prefix that fits decides: codes before their class. */
static const struct {
	const char *prefix;
	enum err_kind kind;
} decisions[] = {
	{ "23505", ERR_CONFLICT }, /* unique_violation: somebody has stored it already */
	{ "21", ERR_INPUT }, /* cardinality violation: a row twice in one statement */
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
