/* Probes, leases and lists; see fleet.h. Invariant: a lease request is sent only to an instance that is not down, and the moment at which it
 * begins is recorded before it is sent. */
#include "cleanup/fleet/private.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

static struct bridge_call probe_call(const struct instance *at)
{
	bool checks_key = at->probe.state == INSTANCE_MISCONFIGURED; /* WAHA answers a probe without a key, too */

	if (at->row.kind != BRIDGE_BLAZZ)
		return (struct bridge_call){ .action = checks_key ? BRIDGE_LIST : BRIDGE_PROBE };
	if (at->probe.state == INSTANCE_DOWN)
		return (struct bridge_call){ .action = BRIDGE_HEALTH };
	return (struct bridge_call){ .action = BRIDGE_PROBE,
		.lease_token = str_of(at->token),
		.lease_ttl_s = at->fleet->options.session_ttl_ms / 1000 };
}

static void state_change(struct instance *at, enum instance_state was)
{
	int64_t now_us = clock_now_us();

	at->state_since_us = now_us;
	if (at->probe.state == INSTANCE_DOWN)
		at->down_mono_ms = clock_mono_ms();
	else if (at->probe.state == INSTANCE_UP)
		at->row.fenced_us = PG_NO_TIME;
	at->list_mono_ms = 0;
	at->listed = false;
	log_warn("instance's state has changed", LOG_I("instance", at->row.index),
		LOG_S("state", instance_state_word(at->probe.state)), LOG_S("previous", instance_state_word(was)));
	at->fleet->options.changed(at->fleet->options.ctx, at);
}

static void probed(struct instance *at, enum bridge_outcome outcome)
{
	enum instance_state was = at->probe.state;

	at->probe = probe_next(&at->probe, outcome);
	at->probed_us = clock_now_us();
	at->changed = true;
	if (at->probe.state != was)
		state_change(at, was);
}

static void token_keep(struct instance *at, const struct bridge_answer *answer)
{
	if (answer->token.n == 0 || answer->token.n >= sizeof(at->token))
		return;
	memcpy(at->token, answer->token.p, answer->token.n);
	at->token[answer->token.n] = '\0';
}

static void on_probed(void *ctx, const struct bridge_answer *answer)
{
	struct instance *at = ctx;

	at->probing = false;
	at->error = answer->outcome == BRIDGE_BAD_KEY ? STR("the instance rejects the key")
		: answer->outcome == BRIDGE_OK        ? STR_NONE
						      : STR("the probe failed");
	token_keep(at, answer);
	probed(at, answer->outcome);
}

void instance_reject_key(struct instance *at)
{
	at->error = STR("the instance rejects the key");
	probed(at, BRIDGE_BAD_KEY);
}

static void probe(struct instance *at, int64_t now_mono_ms)
{
	const struct fleet_options *o = &at->fleet->options;
	struct bridge_call call = probe_call(at);

	at->probing = true;
	at->probe_mono_ms = now_mono_ms + o->probe_interval_ms;
	if (at->row.kind == BRIDGE_BLAZZ && call.action == BRIDGE_PROBE)
		at->lease_mono_ms = now_mono_ms;
	calls_add(o->calls, at->row.index, &at->bridge, &call, on_probed, at);
}

/* The list of a request, with the time at which it began. */
struct listing {
	struct instance *at;
	int64_t asked_us;
};

static void on_listed(void *ctx, const struct bridge_answer *answer)
{
	struct listing *l = ctx;
	struct instance *at = l->at;

	at->listing = false;
	if (answer->outcome == BRIDGE_OK && answer->oddity != ODDITY_TOO_MANY) {
		at->sessions = (int64_t)answer->n_list;
		at->listed = true;
		at->fleet->options.listed(at->fleet->options.ctx, at, answer, l->asked_us);
	} else if (answer->outcome == BRIDGE_BAD_KEY) {
		instance_reject_key(at);
	} else if (!at->listed) { /* its accounts wait for it */
		at->list_mono_ms = clock_mono_ms() + at->fleet->options.probe_interval_ms;
	}
	free(l);
}

static void list(struct instance *at, int64_t now_mono_ms)
{
	const struct fleet_options *o = &at->fleet->options;
	struct listing *l = mem_calloc(1, sizeof(*l));

	l->at = at;
	l->asked_us = clock_now_us();
	at->listing = true;
	at->list_mono_ms = now_mono_ms + o->list_interval_ms;
	calls_add(o->calls, at->row.index, &at->bridge, &(struct bridge_call){ .action = BRIDGE_LIST }, on_listed, l);
}

/* The operator's word that an instance is fenced ends its probes, and so its lease. */
void fleet_turn(struct fleet *f)
{
	int64_t now = clock_mono_ms();
	struct instance *at;
	size_t i = 0;

	while ((at = fleet_each(f, &i))) {
		if (str_is(at->row.desired, "off"))
			continue;
		if (!at->probing && now >= at->probe_mono_ms)
			probe(at, now);
		if (!at->listing && at->probe.state == INSTANCE_UP && now >= at->list_mono_ms)
			list(at, now);
	}
}
