/* See private.h. Invariant: no string of a copy lies in memory that its owner may change, and none outlives the copy. */
#include "cleanup/calls/private.h"

#include <stdlib.h>

bool call_passes_queue(enum bridge_action action)
{
	return action == BRIDGE_PROBE || action == BRIDGE_HEALTH;
}

bool call_starts_session(enum bridge_action action)
{
	return action == BRIDGE_CREATE || action == BRIDGE_START || action == BRIDGE_RESTART;
}

static size_t session_bytes(const struct bridge_session *s)
{
	size_t n = s->name.n + s->webhook_url.n + s->webhook_secret.n + s->token.n;

	for (size_t i = 0; i < s->n_signing_keys; i++)
		n += s->signing_keys[i].n;
	return n;
}

/* The buffer has room for it, so that it does not move. */
static struct str keep(struct buf *text, struct str s)
{
	struct str kept = { s.p ? text->p + text->n : NULL, s.n };

	buf_add_str(text, s);
	return kept;
}

static void session_keep(struct pending *p, struct bridge_session *s)
{
	s->name = keep(&p->text, s->name);
	s->webhook_url = keep(&p->text, s->webhook_url);
	s->webhook_secret = keep(&p->text, s->webhook_secret);
	s->token = keep(&p->text, s->token);
	p->signing_keys = mem_calloc(s->n_signing_keys, sizeof(*p->signing_keys));
	for (size_t i = 0; i < s->n_signing_keys; i++)
		p->signing_keys[i] = keep(&p->text, s->signing_keys[i]);
	s->signing_keys = p->signing_keys;
}

struct pending *pending_new(const struct bridge_instance *at, const struct bridge_call *call)
{
	struct pending *p = mem_calloc(1, sizeof(*p));

	p->at = *at;
	p->call = *call;
	buf_reserve(&p->text, at->url.n + at->key.n + call->lease_token.n + session_bytes(&call->session) + 1);
	p->at.url = keep(&p->text, at->url);
	p->at.key = keep(&p->text, at->key);
	p->call.lease_token = keep(&p->text, call->lease_token);
	session_keep(p, &p->call.session);
	return p;
}

void pending_free(struct pending *p)
{
	buf_wipe(&p->text);
	buf_fini(&p->text);
	arena_free(p->arena);
	free(p->signing_keys);
	free(p);
}
