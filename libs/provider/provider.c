/* The table of providers, and the checks that all of them share; see provider.h. */
#include "provider/provider.h"

#include <math.h>

#include "base/utf8.h"
#include "provider/content.h"

const struct provider_api *provider_find(enum provider provider, enum bridge_kind bridge)
{
	static const struct provider_api *const bridges[] = {
		[BRIDGE_NONE] = NULL,
		[BRIDGE_BLAZZ] = &provider_blazz,
		[BRIDGE_WWEBJS] = &provider_wwebjs,
		[BRIDGE_WAHA] = &provider_waha,
		[BRIDGE_EVOLUTION] = &provider_evolution,
	};

	switch (provider) {
	case PROVIDER_NONE:
		return NULL;
	case PROVIDER_META:
		return &provider_meta;
	case PROVIDER_WEBJS:
		break;
	}
	return bridges[bridge];
}

static int text_check(struct str text, size_t most, const char *what, struct err *err)
{
	if (!utf8_storable(text))
		return err_set(err, ERR_INPUT, "content", "the %s is not valid text", what);
	if (utf8_length(text) > most)
		return err_set(err, ERR_INPUT, "content", "the %s has more than %zu characters", what, most);
	return 0;
}

static bool is_web_url(struct str url)
{
	return str_starts(url, STR("https://")) || str_starts(url, STR("http://"));
}

static int media_check(const struct provider_api *api, const struct provider_message *m, struct err *err)
{
	bool by_id = api->limits.media_by_id && m->media.provider_media_id.n > 0;
	bool captioned = m->type == MSG_IMAGE || m->type == MSG_VIDEO || m->type == MSG_DOCUMENT;

	if (!by_id && !is_web_url(m->media.url))
		return err_set(err, ERR_INPUT, "content", "%s needs the medium's http or https URL", api->name);
	if (m->media.caption.n > 0 && !captioned)
		return err_set(err, ERR_INPUT, "content", "a message of type %s cannot have a caption",
			message_type_word(m->type));
	return text_check(m->media.caption, api->limits.caption_characters, "caption", err);
}

static int location_check(const struct location *l, struct err *err)
{
	if (!l->present || !isfinite(l->latitude) || !isfinite(l->longitude) || fabs(l->latitude) > 90 ||
		fabs(l->longitude) > 180)
		return err_set(err, ERR_INPUT, "content", "the location is missing or not on Earth");
	return 0;
}

static int template_check(const struct provider_message *m, struct arena *a, struct err *err)
{
	struct str written;

	if (m->template_name.n == 0 || m->template_language.n == 0)
		return err_set(err, ERR_INPUT, "content", "the template has no name or no language");
	return m->template_components.n > 0 ? content_json(m->template_components, NULL, JSON_ARR, a, &written, err)
					    : 0;
}

static int content_check(const struct provider_api *api, const struct provider_message *m, struct arena *a,
	struct err *err)
{
	struct str written;

	if (content_is_media(m->type))
		return media_check(api, m, err);
	switch (m->type) {
	case MSG_TEXT:
		if (m->body.n == 0)
			return err_set(err, ERR_INPUT, "content", "the text is empty");
		return text_check(m->body, api->limits.text_characters, "text", err);
	case MSG_LOCATION:
		return location_check(&m->location, err);
	case MSG_TEMPLATE:
		return template_check(m, a, err);
	case MSG_INTERACTIVE:
		return content_json(m->extra, content_extra_member(m->type), JSON_OBJ, a, &written, err);
	case MSG_CONTACTS:
		return content_json(m->extra, content_extra_member(m->type), JSON_ARR, a, &written, err);
	default:
		return 0;
	}
}

int provider_check(const struct provider_api *api, const struct provider_message *m, struct arena *a, struct err *err)
{
	struct str address;

	if (api->address(&m->to, a, &address, err) < 0)
		return -1;
	if (m->act != ACT_SEND && m->target.key.n == 0)
		return err_set(err, ERR_INPUT, "content", "the message to react to or to read is not named");
	if (m->act != ACT_SEND)
		return 0;
	if (!(api->limits.types & (1U << m->type)))
		return err_set(err, ERR_INPUT, "content", "%s cannot send messages of type %s", api->name,
			message_type_word(m->type));
	return content_check(api, m, a, err);
}

int provider_build(const struct provider_api *api, const struct provider_account *from,
	const struct provider_message *m, int64_t now_ms, struct arena *a, struct provider_request *out,
	struct err *err)
{
	return api->build(from, m, now_ms, a, out, err);
}
