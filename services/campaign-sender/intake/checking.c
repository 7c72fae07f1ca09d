/* Whether the chosen account can send the content to the recipient. What cannot be sent gets our code. */
#include "campaign-sender/intake/private.h"

#include "phone/phone.h"
#include "provider/content.h"
#include "store/sending_settings.h"

int contents_read(struct intake_work *w, struct err *err)
{
	for (size_t i = 0; i < w->requests.n; i++) {
		struct request *r = &w->requests.at[i];
		struct client_id id = { .request = r->message->request };

		r->outgoing = ARENA_NEW(w->arena, struct outgoing);
		if (outgoing_read(r->outgoing, r->content, STR_NONE, &id, NULL, w->arena, err) < 0)
			return -1;
	}
	return 0;
}

static struct template_key template_of(const struct request *r)
{
	return (struct template_key){ .workspace_id = r->account->workspace_id,
		.account_id = r->account->id,
		.name = r->message->u.template.name,
		.language = r->message->u.template.language };
}

static bool has_template(const struct request *r)
{
	return r->account && r->message->kind == SEND_MESSAGE && r->message->type == MSG_TEMPLATE;
}

static int templates_load(struct intake_work *w, struct err *err)
{
	struct template_key *keys = ARENA_ARRAY(w->arena, struct template_key, w->requests.n);
	size_t n = 0;

	for (size_t i = 0; i < w->requests.n; i++)
		if (has_template(&w->requests.at[i]))
			keys[n++] = template_of(&w->requests.at[i]);
	return n == 0 ? 0 : campaign_cache_load_templates(w->shared->campaigns, w->pg, keys, n, err);
}

static void fail(struct request *r, const char *code, struct str reason)
{
	r->code = code;
	r->reason = reason;
}

static void template_check(struct intake_work *w, struct request *r)
{
	struct template_key key = template_of(r);
	const struct sending_template *t = campaign_cache_template(w->shared->campaigns, &key);

	if (!t)
		fail(r, "template_unusable", STR("the account has no template of this name and language"));
	else if (!str_is(t->status, "APPROVED"))
		fail(r, "template_unusable",
			arena_printf(w->arena, "the template is not approved: %.*s", STR_ARG(t->status)));
}

/* Any address stands for a recipient to whom this account cannot send. */
static void address_set(struct request *r, struct arena *a)
{
	enum provider provider = r->shown_under ? r->shown_under->from.provider : PROVIDER_WEBJS;
	const enum provider tried[] = { provider, PROVIDER_WEBJS, PROVIDER_META };
	char request[37];

	for (size_t i = 0; i < sizeof(tried) / sizeof(tried[0]) && r->address.n == 0; i++)
		r->address = address_of(&r->message->chat, tried[i], a);
	r->dialled = r->address.n > 0;
	uuid_format(&r->message->request, request);
	if (!r->dialled)
		r->address = arena_printf(a, "none:%s", request);
}

/* The size is the one that the request states; 0: it states none. */
static bool media_is_too_large(const struct intake_work *w, const struct request *r)
{
	const struct media *m = &r->message->u.media;
	bool has_media =
		r->message->kind == SEND_MESSAGE && r->message->type >= MSG_IMAGE && r->message->type <= MSG_STICKER;

	return has_media && m->size_bytes > w->shared->settings->media_max_bytes;
}

static struct str too_large_text(const struct intake_work *w, const struct request *r)
{
	return arena_printf(w->arena, "the media file has %lld bytes, and media.max_bytes is %lld",
		(long long)r->message->u.media.size_bytes, (long long)w->shared->settings->media_max_bytes);
}

/* A number that no subscriber has; false of a recipient without a number. */
static bool number_is_impossible(const struct request *r)
{
	struct str digits = content_digits(r->message->chat.contact.phone);

	return !r->message->chat.is_group && digits.n > 0 && !phone_is_possible(digits);
}

static bool is_overdue(const struct intake_work *w, const struct request *r)
{
	return send_message_deadline_ms(r->message) <= w->now_ms;
}

/* While a restore is not accepted, a request that would fail now for its time or for want of an account may have been sent before it: it waits,
 * and commit/restored.c looks for it once the restore is accepted. */
static int restoring_read(struct intake_work *w, struct err *err)
{
	struct requests *all = &w->requests;
	int64_t accepted_us;
	size_t i = 0;
	int pending;

	while (i < all->n && all->at[i].account && !is_overdue(w, &all->at[i]))
		i++;
	if (i == all->n)
		return 0;
	pending = store_restore_pending(w->pg, &accepted_us, err);
	if (pending < 0)
		return -1;
	w->restoring = pending == 1;
	for (; w->restoring && i < all->n; i++)
		if (!all->at[i].account)
			all->at[i].account = all->at[i].shown_under;
	return 0;
}

static void request_check(struct intake_work *w, struct request *r)
{
	struct err err;

	if (is_overdue(w, r) && !w->restoring)
		fail(r, "deadline", STR("the deadline had passed when the request was read"));
	else if (!r->account)
		fail(r, "no_active_account", STR("no account of the workspace can send now"));
	else if (address_of(&r->message->chat, r->account->from.provider, w->arena).n == 0)
		fail(r, "no_address", STR("the recipient has no address that this account can send to"));
	else if (number_is_impossible(r))
		fail(r, "no_address", STR("no phone number has so few or so many digits"));
	else if (media_is_too_large(w, r))
		fail(r, "unsupported_content", too_large_text(w, r));
	else if (fit_check(r->reference, r->outgoing, r->account, w->arena, &err) < 0)
		fail(r, "unsupported_content", arena_str(w->arena, str_of(err.msg)));
	else if (has_template(r))
		template_check(w, r);
}

int check_contents(struct intake_work *w, struct err *err)
{
	if (restoring_read(w, err) < 0 || templates_load(w, err) < 0)
		return -1;
	for (size_t i = 0; i < w->requests.n; i++) {
		address_set(&w->requests.at[i], w->arena);
		request_check(w, &w->requests.at[i]);
	}
	return 0;
}
