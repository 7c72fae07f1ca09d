/* Messages without an id of ours that appear in a chat: one of ours without an answer, or one that a person wrote on the phone.
 * It is ours when exactly one such message through that account to that recipient has its type and text. */
#include "campaign-sender/status/private.h"

#include "base/vec.h"
#include "store/sends_fetch.h"

#define ECHO_RESOLUTION_MS 1000 /* times of bridges are whole seconds */

/* One address of an echo. */
struct echo_address {
	struct status_event *event;
	struct str address;
};

struct echoes {
	struct status_work *work;
	struct echo_address *addresses;
	struct send_echo *asked; /* at the same places */
	size_t n, cap, cap_asked;
	struct send_row *rows;
	size_t n_rows, cap_rows;
};

/* A row that matches an echo. */
struct match {
	const struct send_row *row;
	struct outgoing *outgoing;
	struct client_id client;
	size_t n; /* rows that match */
};

static void row_add(void *ctx, const struct send_row *row)
{
	struct echoes *all = ctx;

	if (row->kind != SEND_MESSAGE)
		return;
	all->rows = vec_grow_in(all->work->arena, all->rows, all->n_rows, &all->cap_rows, sizeof(*all->rows));
	all->rows[all->n_rows++] = *row;
}

static void address_add(struct echoes *all, struct status_event *e, struct str address)
{
	struct arena *a = all->work->arena;
	size_t n = all->n++;

	all->addresses = vec_grow_in(a, all->addresses, n, &all->cap, sizeof(*all->addresses));
	all->asked = vec_grow_in(a, all->asked, n, &all->cap_asked, sizeof(*all->asked));
	all->addresses[n] = (struct echo_address){ e, address };
	all->asked[n] = (struct send_echo){ .workspace_id = e->account->workspace_id,
		.account_id = e->account->id,
		.address = address,
		.at_us = (record_at_ms(e->record) + ECHO_RESOLUTION_MS) * 1000,
		.provider_id = e->record->event.u.message_created.message.provider_id };
}

static void addresses_collect(struct echoes *all)
{
	for (size_t i = 0; i < all->work->n_events; i++) {
		struct status_event *e = &all->work->events[i];

		for (size_t k = 0; e->record->use == USE_ECHO && k < e->conversation->n_addresses; k++)
			address_add(all, e, e->conversation->addresses[k]);
	}
}

static int campaigns_load(struct echoes *all, struct err *err)
{
	struct status_work *w = all->work;
	struct campaign_key *keys = ARENA_ARRAY(w->arena, struct campaign_key, all->n_rows);
	size_t n = 0;

	for (size_t i = 0; i < all->n_rows; i++)
		if (all->rows[i].campaign_id > 0)
			keys[n++] = (struct campaign_key){ all->rows[i].workspace_id, all->rows[i].campaign_id };
	return n == 0 ? 0 : campaign_cache_load(w->shared->campaigns, w->pg, keys, n, err);
}

/* False: its campaign is gone. */
static bool client_of(const struct status_work *w, const struct send_row *row, struct client_id *out)
{
	const struct campaign *c;

	*out = (struct client_id){ .request = row->request };
	if (row->campaign_id == 0)
		return true;
	c = campaign_cache_find(w->shared->campaigns, row->workspace_id, row->campaign_id);
	if (c)
		*out = (struct client_id){ .campaign = c->uuid, .id = row->id, .generation = row->generation };
	return c != NULL;
}

/* White space at the ends does not survive every client. */
static bool shows_the_same(const struct outgoing *o, const struct message_view *m, struct arena *a)
{
	struct shown shown = { 0 };

	outgoing_shown(&o->message, NULL, a, &shown);
	return shown.type == m->type && str_eq(str_trim(shown.body), str_trim(m->body));
}

static void row_compare(struct status_work *w, const struct status_event *e, const struct send_row *row,
	struct match *match)
{
	struct outgoing *o = ARENA_NEW(w->arena, struct outgoing);
	struct client_id client;
	struct err ignored;

	if (!client_of(w, row, &client) ||
		outgoing_read(o, row->content, row->address, &client, e->account->api, w->arena, &ignored) < 0 ||
		!shows_the_same(o, &e->record->event.u.message_created.message, w->arena))
		return;
	*match = (struct match){ row, o, client, match->n + 1 };
}

static void echo_match(struct echoes *all, const struct status_event *e, struct match *match)
{
	for (size_t i = 0; i < all->n_rows; i++)
		if (all->addresses[all->rows[i].place].event == e)
			row_compare(all->work, e, &all->rows[i], match);
}

static void match_add(struct status_work *w, struct status_event *e, const struct match *m)
{
	const int64_t id[] = { m->row->workspace_id, m->row->id };
	void **matched = map_slot(w->worker->index, (struct str){ (const char *)id, sizeof(id) });
	const struct send_evidence evidence = { .workspace_id = m->row->workspace_id,
		.client = m->client,
		.account_id = e->account->id,
		.address = m->row->address,
		.status = SEND_STATUS_SENT,
		.at_us = record_at_ms(e->record) * 1000,
		.provider_message_id = e->record->event.u.message_created.message.provider_id,
		.resolved_by = "echo" };

	if (!*matched)
		evidence_add(w, &(struct piece){ .event = e, .outgoing = m->outgoing }, &evidence);
	*matched = w;
}

int echoes_match(struct status_work *w, struct err *err)
{
	struct echoes all = { .work = w };

	addresses_collect(&all);
	if (all.n == 0)
		return 0;
	if (store_sends_unknown(w->pg, all.asked, all.n, w->arena, row_add, &all, err) < 0 ||
		campaigns_load(&all, err) < 0)
		return -1;
	map_clear(w->worker->index);
	for (size_t i = 0; i < w->n_events && all.n_rows > 0; i++) {
		struct match match = { 0 };

		if (w->events[i].record->use == USE_ECHO)
			echo_match(&all, &w->events[i], &match);
		if (match.n == 1)
			match_add(w, &w->events[i], &match);
	}
	return 0;
}
