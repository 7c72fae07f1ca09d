/* What ingest does with a request's header, its bytes, its end, and when its client is gone. */
#ifndef INGEST_HANDLER_H
#define INGEST_HANDLER_H

#include "http/server.h"

/* libs/http's callbacks; ctx is the struct ingest. */
struct http_admission handler_admit(void *ctx, struct http_request *r);
int handler_grow(void *ctx, struct http_request *r, size_t n);
bool handler_exempt(void *ctx, struct str peer);
void handler_handle(void *ctx, struct http_request *r);
void handler_gone(void *ctx, struct http_request *r);

#endif
