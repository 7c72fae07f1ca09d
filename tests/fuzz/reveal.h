/* Events shown as JSON. */
#ifndef TESTS_FUZZ_REVEAL_H
#define TESTS_FUZZ_REVEAL_H

#include "input.h"
#include "wire/reveal.h"
#include "json/json.h"

/* The output is JSON; false: there is none. */
static inline bool reveal_check(bool (*reveal)(struct json_writer *w, struct str bytes), struct str bytes)
{
	struct buf out = BUF_INIT;
	struct json_writer w = json_writer(&out);
	struct json_doc *doc = NULL;
	bool shown = reveal(&w, bytes);
	int rc = shown ? json_parse(&doc, buf_str(&out), NULL) : 0;

	assert(rc == 0 && (shown || out.n == 0));
	json_free(doc);
	buf_fini(&out);
	return shown;
}

#endif
