/* What sending and looking up have in common; see private.h. */
#include "base/clock.h"
#include "campaign-sender/sending/private.h"

struct attempt *attempt_new(struct sending *s, struct send *send, const struct account *account)
{
	struct attempt *a = mem_calloc(1, sizeof(*a));

	a->sending = s;
	a->send = send;
	a->api = account ? account->api : NULL;
	a->began_us = clock_now_us();
	a->again_ms = settlement_first_look_ms(account ? account->from.bridge : BRIDGE_NONE,
		s->shared->settings->unknown_after_ms);
	send->request = a;
	return a;
}

void attempt_send(struct attempt *a, const struct account *account, int64_t begin_by_mono_ms,
	void (*done)(void *ctx, const struct exchange_result *result))
{
	struct sending *s = a->sending;
	const struct send_target to = { (uint64_t)account->id, (uint64_t)account->workspace_id, &account->host };
	const struct send_request request = {
		.url = s->request.url.p,
		.method = s->request.method,
		.headers = s->request.headers,
		.body = buf_str(&s->request.body),
		.timeout_ms = (int)s->shared->settings->timeout_ms,
		.begin_by_mono_ms = begin_by_mono_ms,
		.response_bytes = a->api->response_bytes,
		.max_idle_ms = MAX_IDLE_MS,
		.done = done,
		.ctx = a,
	};

	if (account->host_allowed)
		sender_pool_send(s->pool, &to, &request, &a->request);
	else
		sender_pool_refuse(s->pool, &request, "the address of the account's provider is not permitted",
			&a->request);
}

struct client_id attempt_client_id(const struct send_row *row, const struct campaign *campaign)
{
	struct client_id id = { .id = row->id, .generation = row->generation };

	if (row->campaign_id == 0)
		id.request = row->request;
	else if (campaign)
		id.campaign = campaign->uuid;
	return id;
}
