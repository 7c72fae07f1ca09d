/* The kind of bridge that is ours: POST {instance}/api/messages/send, and GET
 * {instance}/api/messages/{client_message_id}, signed with the account's key. Source: README.md, Bridge contract. */
#include "provider/blazz.h"

#include <inttypes.h>

#include "crypto/ids.h"
#include "provider/bridge.h"
#include "provider/content.h"

#define ANSWER_BYTES 16384

/* `when` is a part of the webhook-id: of a lookup the time, so that a bridge that rejects repeated ids answers each
 * poll; of a message nothing, so that it keeps its id when it is sent again. The id is a digest, as a "." in it
 * (client_message_id has one) would make the signed text ambiguous. */
static void sign(struct provider_request *r, const struct provider_account *from, struct str client_message_id,
	struct str when, int64_t now_ms, struct str signed_text)
{
	const struct str parts[] = { uuid_bytes(&from->uuid), client_message_id, when };
	char text[SIGNING_ID_SIZE] = "msg_";
	struct uuid uuid;

	uuid_v8(&uuid, parts, 3);
	uuid_format(&uuid, text + 4);
	signing_standard_headers(from->signing, text, now_ms, signed_text, &r->header_text);
}

static int begin(const struct provider_account *from, enum http_method method, struct provider_request *out,
	struct err *err)
{
	if (!from->signing)
		return err_set(err, ERR_INPUT, "account", "the account has no signing key");
	if (bridge_session_check(from, err) < 0)
		return -1;
	return provider_request_begin(out, method, from->base_url, err);
}

static void media_write(struct json_writer *w, const struct media *media)
{
	jw_key(w, "media");
	jw_obj(w);
	jw_member_str(w, "url", media->url);
	content_optional_write(w, "mime", media->mime);
	content_optional_write(w, "file_name", media->file_name);
	content_optional_write(w, "caption", media->caption);
	jw_obj_end(w);
}

static void location_write(struct json_writer *w, const struct location *l)
{
	jw_key(w, "location");
	jw_obj(w);
	content_coordinates_write(w, l);
	content_optional_write(w, "name", l->name);
	content_optional_write(w, "address", l->address);
	jw_obj_end(w);
}

static void reaction_write(struct json_writer *w, struct str emoji)
{
	jw_key(w, "reaction");
	jw_obj(w);
	content_text_write(w, "emoji", emoji);
	jw_obj_end(w);
}

static const char *type_word(const struct provider_message *m)
{
	static const char *const words[] = { [ACT_REACT] = "reaction", [ACT_READ] = "read" };

	return m->act == ACT_SEND ? message_type_word(m->type) : words[m->act];
}

static void content_write(struct json_writer *w, const struct provider_message *m)
{
	jw_member_str(w, "type", str_of(type_word(m)));
	if (m->act == ACT_REACT)
		reaction_write(w, m->emoji);
	if (m->act != ACT_SEND)
		return;
	if (m->type == MSG_TEXT)
		jw_member_str(w, "text", m->body);
	else if (m->type == MSG_LOCATION)
		location_write(w, &m->location);
	else
		media_write(w, &m->media);
}

static void body_write(struct buf *out, const struct provider_account *from, const struct provider_message *m,
	struct str to, struct arena *a)
{
	struct json_writer w = json_writer(out);

	jw_obj(&w);
	jw_member_str(&w, "session_id", from->session);
	jw_member_str(&w, "client_message_id", m->client_message_id);
	jw_member_str(&w, "to", to);
	content_write(&w, m);
	if (m->target.key.n > 0)
		jw_member_str(&w, "quoted_id", webjs_serialized(&m->target, to, a));
	if (m->typing_ms > 0)
		jw_member_i64(&w, "typing_ms", m->typing_ms);
	jw_obj_end(&w);
}

static int build(const struct provider_account *from, const struct provider_message *m, int64_t now_ms, struct arena *a,
	struct provider_request *out, struct err *err)
{
	struct str to;

	if (begin(from, HTTP_POST, out, err) < 0 || webjs_chat_id(&m->to, a, &to, err) < 0)
		return -1;
	provider_request_path(out, "/api/messages/send");
	body_write(&out->body, from, m, to, a);
	sign(out, from, m->client_message_id, STR(""), now_ms, buf_str(&out->body));
	provider_request_end(out);
	return 0;
}

static void error_read(const json *body, int http_status, struct arena *a, struct provider_answer *out)
{
	const json *error = json_get(body, "error");
	struct str word = answer_id(json_get(error, "code"), a);

	bridge_error_read(BRIDGE_BLAZZ, body, http_status, word,
		answer_text(json_get(error, "message"), PROVIDER_EXCERPT_BYTES, a), a, out);
}

static void read_answer(const json *body, int http_status, enum provider_act act, struct arena *a,
	struct provider_answer *out)
{
	if (!answer_is_success(http_status)) {
		error_read(body, http_status, a, out);
		return;
	}
	webjs_id_read(json_get(body, "id"), a, out);
	out->accepted = act != ACT_SEND || out->key.n > 0;
}

const struct provider_api provider_blazz = {
	.name = "blazz",
	.limits = {
		.types = WEBJS_TYPES,
		.text_characters = WEBJS_TEXT_CHARACTERS,
		.caption_characters = WEBJS_TEXT_CHARACTERS,
	},
	.response_bytes = ANSWER_BYTES,
	.address = webjs_chat_id,
	.build = build,
	.read = read_answer,
};

int blazz_lookup_build(const struct provider_account *from, struct str client_message_id, int64_t now_ms,
	struct arena *a, struct provider_request *out, struct err *err)
{
	struct str path;

	if (begin(from, HTTP_GET, out, err) < 0)
		return -1;
	provider_request_path(out, "/api/messages/");
	if (provider_request_segment(out, client_message_id, "message's id", err) < 0)
		return -1;
	provider_request_path(out, "?session_id=");
	if (bridge_session_path(out, from, err) < 0)
		return -1;
	/* A call without a body signs its method and path instead; a proxy may mount the instance under any path. */
	path = str_slice(buf_str(&out->url), out->path_at, out->url.n);
	sign(out, from, client_message_id, arena_printf(a, "%" PRId64, now_ms), now_ms,
		arena_printf(a, "GET %.*s", STR_ARG(path)));
	provider_request_end(out);
	return 0;
}

static enum blazz_lookup state_read(const json *body, struct arena *a, struct provider_answer *answer)
{
	struct str state = json_str(json_get(body, "state"));

	if (str_is(state, "sent")) {
		webjs_id_read(json_get(body, "id"), a, answer);
		answer->accepted = answer->key.n > 0;
		return answer->accepted ? LOOKUP_SENT : LOOKUP_NONE;
	}
	if (str_is(state, "failed")) {
		error_read(body, 400, a, answer);
		return LOOKUP_FAILED;
	}
	return str_is(state, "pending") ? LOOKUP_PENDING : LOOKUP_NONE;
}

/* A 404 of a proxy, or about the session, says nothing of the message. */
static enum blazz_lookup absence_read(const json *body)
{
	struct str code = json_str(json_get(json_get(body, "error"), "code"));

	return json_is_obj(body) && (code.n == 0 || str_is(code, "not_found")) ? LOOKUP_ABSENT : LOOKUP_NONE;
}

enum blazz_lookup blazz_lookup_read(const struct exchange_result *result, struct arena *a,
	struct provider_answer *answer)
{
	struct json_doc *doc = NULL;
	enum blazz_lookup found;

	*answer = answer_none();
	if (result->failure != EXCHANGE_ANSWERED || (result->status != 200 && result->status != 404) ||
		json_parse(&doc, result->body, NULL) < 0)
		return LOOKUP_NONE;
	found = result->status == 404 ? absence_read(json_root(doc)) : state_read(json_root(doc), a, answer);
	json_free(doc);
	return found;
}
