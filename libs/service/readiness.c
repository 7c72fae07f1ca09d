/* Conditions: few of them, alive as long as the service.
 *
 * Invariant: a condition and its reason are read and written under the one lock, so that they always belong
 * together. */
#include "service/readiness.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"

struct service_condition {
	struct readiness *readiness;
	struct service_condition *next;
	char *name;
	bool ok;
	char reason[240];
};

struct readiness {
	pthread_mutex_t lock;
	struct service_condition *first;
};

struct readiness *readiness_new(void)
{
	struct readiness *r = mem_calloc(1, sizeof(*r));

	pthread_mutex_init(&r->lock, NULL);
	return r;
}

void readiness_free(struct readiness *r)
{
	if (!r)
		return;
	for (struct service_condition *c = r->first, *next; c; c = next) {
		next = c->next;
		free(c->name);
		free(c);
	}
	pthread_mutex_destroy(&r->lock);
	free(r);
}

struct service_condition *readiness_add(struct readiness *r, const char *name)
{
	struct service_condition *c = mem_calloc(1, sizeof(*c)), **at;

	c->readiness = r;
	c->name = mem_cstr(str_of(name));
	snprintf(c->reason, sizeof(c->reason), "starting");
	pthread_mutex_lock(&r->lock);
	for (at = &r->first; *at; at = &(*at)->next)
		;
	*at = c;
	pthread_mutex_unlock(&r->lock);
	return c;
}

void service_condition_set(struct service_condition *c, bool ok, const char *reason)
{
	pthread_mutex_lock(&c->readiness->lock);
	c->ok = ok;
	snprintf(c->reason, sizeof(c->reason), "%s", reason ? reason : "");
	pthread_mutex_unlock(&c->readiness->lock);
}

bool readiness_check(struct readiness *r, struct buf *out)
{
	bool ready;

	pthread_mutex_lock(&r->lock);
	ready = r->first != NULL;
	if (!ready && out)
		buf_printf(out, "service: starting\n");
	for (const struct service_condition *c = r->first; c; c = c->next) {
		if (c->ok)
			continue;
		ready = false;
		if (out)
			buf_printf(out, "%s: %s\n", c->name, c->reason);
	}
	pthread_mutex_unlock(&r->lock);
	return ready;
}
