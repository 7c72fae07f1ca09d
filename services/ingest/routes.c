/* The table of routes; see routes.h. Invariant: a path matches at most one route. */
#include "ingest/routes.h"

#include <strings.h>

#include "ingest/dialects/dialects.h"

#define MIB     ((size_t)1024 * 1024)
#define KIND(k) (1U << BRIDGE_##k)
/* Accounts of any bridge may use Blazz's own contract. */
#define ANY (KIND(BLAZZ) | KIND(WWEBJS) | KIND(WAHA) | KIND(EVOLUTION))

#define SESSION_MEMBERS { "session_id", "whatsapp_account_id" }

const struct route routes[ROUTES] = {
	[ROUTE_WEBHOOK] = { ROUTE_WEBHOOK, "bridge_webhook", "bridge", "/api/whatsapp/webhook", SUBJECT_SESSION,
		AUTH_BRIDGE, 3 * MIB, SESSION_MEMBERS, ANY, bridge_read_webhook },
	[ROUTE_OLD_WEBHOOK] = { ROUTE_OLD_WEBHOOK, "bridge_webhook_old", "bridge", "/api/webhooks/whatsapp",
		SUBJECT_SESSION, AUTH_BRIDGE_OR_TOKEN, 3 * MIB, SESSION_MEMBERS, ANY, bridge_read_webhook },
	[ROUTE_SYNC] = { ROUTE_SYNC, "bridge_sync", "bridge", "/api/whatsapp/chats/sync", SUBJECT_SESSION, AUTH_BRIDGE,
		16 * MIB, SESSION_MEMBERS, ANY, bridge_read_sync },
	[ROUTE_OLD_SYNC] = { ROUTE_OLD_SYNC, "bridge_sync_old", "bridge", "/api/webhooks/chats/sync", SUBJECT_SESSION,
		AUTH_BRIDGE_OR_TOKEN, 16 * MIB, SESSION_MEMBERS, ANY, bridge_read_sync },
	[ROUTE_META] = { ROUTE_META, "meta", "meta", "/webhooks/meta/", SUBJECT_APP, AUTH_META, 3 * MIB, { NULL }, 0,
		meta_read },
	[ROUTE_WAHA] = { ROUTE_WAHA, "waha", "waha", "/webhooks/waha/", SUBJECT_ACCOUNT, AUTH_WAHA, 3 * MIB,
		{ "session" }, KIND(WAHA), waha_read },
	[ROUTE_EVOLUTION] = { ROUTE_EVOLUTION, "evolution", "evolution", "/webhooks/evolution/", SUBJECT_ACCOUNT,
		AUTH_EVOLUTION, 3 * MIB, { "instance" }, KIND(EVOLUTION), evolution_read },
	[ROUTE_WWEBJS] = { ROUTE_WWEBJS, "wwebjs", "wwebjs", "/webhooks/wwebjs/", SUBJECT_ACCOUNT, AUTH_WWEBJS,
		16 * MIB, { "sessionId" }, KIND(WWEBJS) | KIND(BLAZZ), wwebjs_read },
	[ROUTE_WWEBJS_ANY] = { ROUTE_WWEBJS_ANY, "wwebjs_any", "wwebjs", "/webhooks/wwebjs", SUBJECT_SESSION,
		AUTH_WWEBJS, 16 * MIB, { "sessionId" }, KIND(WWEBJS) | KIND(BLAZZ), wwebjs_read },
};

static bool path_fits(const struct route *r, struct str path, struct uuid *target)
{
	const struct str prefix = str_of(r->path);

	if (r->subject == SUBJECT_SESSION)
		return str_is(path, r->path);
	return str_starts(path, prefix) && uuid_parse(str_slice(path, prefix.n, path.n), target);
}

const struct route *route_find(struct str path, struct uuid *target)
{
	*target = (struct uuid){ 0 };
	for (size_t i = 0; i < ROUTES; i++)
		if (path_fits(&routes[i], path, target))
			return &routes[i];
	return NULL;
}

bool route_allows(const struct route *r, struct str method)
{
	if (r->id == ROUTE_META && (str_is(method, "GET") || str_is(method, "HEAD")))
		return true;
	return str_is(method, "POST");
}

const char *route_allow(const struct route *r)
{
	return r->id == ROUTE_META ? "GET, HEAD, POST" : "POST";
}

static bool ends_in_json(struct str type)
{
	const struct str suffix = STR("+json");

	return type.n > suffix.n && strncasecmp(type.p + type.n - suffix.n, suffix.p, suffix.n) == 0;
}

bool content_type_fits(struct str content_type)
{
	const struct str application = STR("application/");
	struct str type, parameters;

	if (!content_type.p)
		return true;
	str_cut(content_type, ';', &type, &parameters);
	type = str_trim(type);
	if (type.n <= application.n || strncasecmp(type.p, application.p, application.n) != 0)
		return false;
	type = str_slice(type, application.n, type.n);
	return (type.n == 4 && strncasecmp(type.p, "json", 4) == 0) || ends_in_json(type);
}
