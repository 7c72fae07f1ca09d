/* Reading a provider's answer defensively: what is copied out of it is bounded. */
#ifndef PROVIDER_ANSWER_H
#define PROVIDER_ANSWER_H

#include "provider/provider.h"

bool answer_is_success(int http_status); /* 2xx */
/* An id: a string or a number of at most WIRE_MAX_ID_BYTES; else absent. In the arena. */
struct str answer_id(const json *v, struct arena *a);
/* A string, cut to max bytes; absent when it is none. In the arena. */
struct str answer_text(const json *v, size_t max, struct arena *a);
/* An answer that says nothing yet. */
struct provider_answer answer_none(void);
/* The provider's own error, decided. */
void answer_decide(struct provider_answer *out, struct decision d, struct str code, struct str title);

#endif
