/* Accounts of Meta, which have no session: whether their number can still be used. Invariant: a token is in no log, and what was found is
 * published with the time at which it was asked for, so that a later report wins. */
#include "cleanup/upkeep/private.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "cleanup/policy/meta.h"
#include "provider/request.h"
#include "store/secrets.h"

#define IN_FLIGHT  8
#define TIMEOUT_MS 15000
#define BEGIN_MS   3000
#define TENANT     1 /* of DNS lookups: there is one host */

struct look {
	struct upkeep *upkeep;
	struct account *account;
	struct pool_request *request; /* NULL: none */
	int64_t turn; /* in which it was asked, or found when this replica began to lead */
	int64_t asked_us; /* 0: not yet */
	enum meta_finding finding; /* to be published */
	char phone[META_PHONE_BYTES];
};

void meta_clear(struct upkeep *u)
{
	struct str key;
	void *value;
	size_t i = 0;

	while (map_each(u->meta, &i, &key, &value)) {
		struct look *l = value;

		if (l->request)
			sender_pool_abort(u->options.senders, l->request);
		free(l);
	}
	map_clear(u->meta);
	u->meta_pending = false;
}

static int64_t turn_of(const struct upkeep *u, const struct account *a)
{
	return meta_turn_of(&a->row.uuid, clock_now_ms(), u->options.meta_interval_ms);
}

static struct look *look_of(struct upkeep *u, struct account *a)
{
	struct look *l = map_get(u->meta, uuid_bytes(&a->row.uuid));

	if (l)
		return l;
	l = mem_calloc(1, sizeof(*l));
	l->upkeep = u;
	l->account = a;
	l->turn = turn_of(u, a);
	*map_slot(u->meta, uuid_bytes(&a->row.uuid)) = l;
	return l;
}

static bool is_looked_at(const struct account *a)
{
	return a->row.provider == PROVIDER_META && a->row.phone_number_id.n > 0 &&
		account_desired(a) == DESIRED_CONNECTED && !account_is_deleted(a);
}

/* An account that is not connected is also looked at first of all, and when it is desired anew: its token may be new. */
static bool is_due(const struct look *l)
{
	const struct account *a = l->account;
	bool anew = !str_is(a->row.status, "connected") && (l->asked_us == 0 || a->row.desired_us > l->asked_us);

	return !l->request && (anew || turn_of(l->upkeep, a) != l->turn);
}

static void on_answered(void *ctx, const struct exchange_result *result)
{
	struct look *l = ctx;
	struct upkeep *u = l->upkeep;

	l->request = NULL;
	u->meta_in_flight--;
	if (result->failure != EXCHANGE_ANSWERED || !is_looked_at(l->account))
		return;
	l->finding = meta_read(result->status, result->body, l->account->row.phone_number_id, l->phone);
	if (l->finding == META_UNKNOWN)
		log_warn("answer of Meta does not say whether the account is connected",
			LOG_I("account_id", l->account->row.id), LOG_I("status", result->status));
	u->meta_pending |= l->finding != META_UNKNOWN;
}

static int request_build(const struct look *l, struct arena *arena, struct provider_request *r, struct err *err)
{
	const struct upkeep_options *o = &l->upkeep->options;
	const struct cleanup_account *row = &l->account->row;
	struct secrets secrets;

	if (store_secrets_open(&secrets, o->keyring, SEALED_ACCOUNT, &row->uuid, row->secrets, SECRETS_SEND, arena,
		    err) < 0)
		return -1;
	if (provider_request_begin(r, HTTP_GET, o->meta_base_url, err) < 0)
		return -1;
	provider_request_path(r, "/");
	if (provider_request_segment(r, o->meta_version, "version of the Graph API", err) < 0)
		return -1;
	provider_request_path(r, "/");
	if (provider_request_segment(r, row->phone_number_id, "phone number id", err) < 0)
		return -1;
	provider_request_path(r, "?fields=display_phone_number,quality_rating");
	if (provider_request_secret(r, "authorization: Bearer ", secrets.access_token, err) < 0)
		return -1;
	provider_request_end(r);
	return 0;
}

static void request_send(struct look *l, const struct provider_request *r, const struct url_host *host)
{
	const struct send_target to = { (uint64_t)l->account->row.id, TENANT, host };
	const struct send_request request = {
		.url = r->url.p,
		.method = r->method,
		.headers = r->headers,
		.timeout_ms = TIMEOUT_MS,
		.begin_by_mono_ms = clock_mono_ms() + BEGIN_MS,
		.done = on_answered,
		.ctx = l,
	};

	l->upkeep->meta_in_flight++;
	sender_pool_send(l->upkeep->options.senders, &to, &request, &l->request);
}

static void look_begin(struct look *l)
{
	struct upkeep *u = l->upkeep;
	struct arena *arena = arena_new(4096);
	struct provider_request r = { 0 };
	struct url_host host;
	struct err err;

	l->turn = turn_of(u, l->account);
	l->asked_us = clock_now_us();
	if (guard_host(u->options.guard, u->options.meta_base_url, &host, &err) < 0 ||
		request_build(l, arena, &r, &err) < 0)
		log_warn("account of Meta cannot be looked at", LOG_I("account_id", l->account->row.id), LOG_ERR(&err));
	else
		request_send(l, &r, &host);
	provider_request_fini(&r);
	arena_free(arena);
}

void meta_turn(struct upkeep *u, struct account *a)
{
	struct look *l;

	if (!is_looked_at(a) || u->meta_in_flight >= IN_FLIGHT)
		return;
	l = look_of(u, a);
	if (is_due(l))
		look_begin(l);
}

static void publish(struct look *l, const struct record_target *to)
{
	static const enum session_word words[] = {
		[META_CONNECTED] = SESSION_CONNECTED,
		[META_DISCONNECTED] = SESSION_DISCONNECTED,
		[META_FAILED] = SESSION_FAILED,
	};
	const struct session_record s = { .state = words[l->finding],
		.reason = l->finding == META_CONNECTED ? REASON_NONE : REASON_ERROR,
		.phone = l->phone[0] ? str_of(l->phone) : STR_NONE,
		.at_us = l->asked_us };

	l->finding = META_UNKNOWN;
	if (str_is(l->account->row.status, session_status_word(s.state)))
		return;
	arena_reset(to->arena);
	record_session(to, &l->account->row, &s);
}

int meta_flush(struct upkeep *u, const struct record_target *to, struct err *err)
{
	struct str key;
	void *value;
	size_t i = 0;

	u->meta_pending = false;
	if (lease_begin(to->lease, err) < 0)
		return -1;
	while (map_each(u->meta, &i, &key, &value)) {
		struct look *l = value;

		if (l->finding != META_UNKNOWN)
			publish(l, to);
	}
	return lease_commit(to->lease, err);
}
