/* Header fields that tenants add to their webhooks, and which of them are allowed. They are checked when they are
 * written and again when they are read: a value with a line break would start another request on a connection that
 * other tenants' requests share. The database enforces the same rules: db/deploy/webhooks.sql. */
#ifndef HTTP_HEADERS_H
#define HTTP_HEADERS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define HEADERS_MAX        32
#define HEADER_NAME_BYTES  100
#define HEADER_VALUE_BYTES 2000

/* The name must be a token (RFC 9110, 5.6.2) that neither HTTP (Host, Content-Length, ...) nor Blazz (webhook-*, ...)
 * reserves; the value must not contain control characters. ERR_INPUT, with a message for the tenant. */
int header_check(struct str name, struct str value, struct err *err) ERR_MUST_USE;
/* Parses {"Name": "value"} into lines "Name: value" in the arena, NULL-terminated; an empty text has no lines.
 * ERR_INPUT when it is anything else, has more than HEADERS_MAX members, or header_check() rejects one of them. */
int headers_parse(struct str object, struct arena *a, char ***out, struct err *err) ERR_MUST_USE;

#endif
