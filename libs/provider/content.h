/* JSON parts that several providers write. */
#ifndef PROVIDER_CONTENT_H
#define PROVIDER_CONTENT_H

#include "provider/provider.h"
#include "json/writer.h"

/* The member of `extra` that a type's content is in; NULL when the type has none there. */
const char *content_extra_member(enum message_type type);
/* The JSON of a member of the object `text` (of `text` itself when the member is NULL), parsed and written again, so
 * that nothing but JSON reaches a body. ERR_INPUT when it is absent or not of this type. */
int content_json(struct str text, const char *member, enum json_type type, struct arena *a, struct str *out,
	struct err *err) ERR_MUST_USE;

void content_optional_write(struct json_writer *w, const char *name, struct str value); /* nothing when empty */
void content_text_write(struct json_writer *w, const char *name, struct str value); /* absent: "" */
void content_coordinates_write(struct json_writer *w, const struct location *l); /* "latitude", "longitude" */

bool content_is_media(enum message_type type);
/* Its digits without "+"; absent when it is not a phone number. */
struct str content_digits(struct str phone);
int content_no_address(const char *provider, struct err *err); /* ERR_INPUT */

#endif
