/* See journal_load.h. */
#include "journal_load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void id_load(const json *line, struct known_ids *ids)
{
	struct str client_message_id = json_str(json_get(line, "client_message_id"));
	struct str given = json_str(json_get(line, "id"));
	enum stub_provider provider;
	struct known_id id = { 0 };

	if (!json_true(json_get(line, "accepted")) || client_message_id.n == 0 || given.n >= sizeof(id.id) ||
		!stub_provider_parse(json_str(json_get(line, "provider")), &provider) ||
		!json_to_i64(json_get(line, "at_ms"), &id.at_ms))
		return;
	memcpy(id.id, given.p, given.n);
	known_ids_put(ids, provider, json_str(json_get(line, "account")), client_message_id, &id);
}

static void line_load(struct str text, struct known_ids *ids, uint64_t *next_seq)
{
	struct json_doc *doc = NULL;
	int64_t seq;

	if (json_parse(&doc, text, NULL) < 0)
		return;
	if (json_to_i64(json_get(json_root(doc), "seq"), &seq) && (uint64_t)seq >= *next_seq)
		*next_seq = (uint64_t)seq + 1;
	id_load(json_root(doc), ids);
	json_free(doc);
}

/* A device or a pipe has nothing to read, or no end. */
static bool is_regular(const char *file)
{
	struct stat st;

	return file && stat(file, &st) == 0 && S_ISREG(st.st_mode);
}

int stub_journal_load(const char *file, struct known_ids *ids, uint64_t *next_seq, struct err *err)
{
	FILE *f;
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	*next_seq = 1;
	if (!is_regular(file))
		return 0;
	f = fopen(file, "r");
	if (!f)
		return err_set(err, ERR_FATAL, "journal", "%s: %s", file, strerror(errno));
	while ((n = getline(&line, &cap, f)) > 0)
		line_load((struct str){ line, (size_t)n }, ids, next_seq);
	free(line);
	fclose(f);
	return 0;
}
