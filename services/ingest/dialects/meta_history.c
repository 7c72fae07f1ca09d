/* Meta's history transfer after a number joined the Cloud API (coexistence): chunks of threads in any order, each with
 * its progress; or the information that the business declined to share its history. Invariant: every message of a
 * thread is read, whatever the progress says.
 */
#include "ingest/dialects/meta.h"

#define ERROR_DECLINED "2593109"

static void messages_read(struct meta_item *it, const json *thread, size_t place)
{
	struct intake *in = it->change->in;
	struct json_iter at = json_iter(json_get(thread, "messages"));
	const json *v;

	for (size_t i = 0; (v = json_next(&at)) && !intake_is_full(in); i++) {
		struct meta_item message = *it;

		message.thread = thread;
		message.v = v;
		message.path = arena_printf(in->arena, "%.*s.threads[%zu].messages[%zu]", STR_ARG(it->path), place, i);
		if (json_is_obj(v))
			meta_message(&message);
		else
			meta_reject(&message, DEAD_RULE, "not an object");
	}
}

static int32_t count_of(const json *v, const char *path)
{
	int64_t n;

	return json_to_i64(json_path(v, path), &n) && n >= 0 && n <= INT32_MAX ? (int32_t)n : 0;
}

static void state_add(struct meta_item *it, const struct in_history_state *state)
{
	struct inbound_event *e = meta_event(it, IN_HISTORY_STATE, NULL);

	e->u.history_state = *state;
	meta_add(it, e, arena_printf(it->change->in->arena, "%d:%d", state->phase, state->chunk),
		arena_printf(it->change->in->arena, "%d:%.*s", state->progress, STR_ARG(state->error.code)));
}

static void progress_read(struct meta_item *it)
{
	struct in_history_state state = {
		.phase = count_of(it->v, "metadata.phase"),
		.chunk = count_of(it->v, "metadata.chunk_order"),
		.progress = count_of(it->v, "metadata.progress"),
	};

	if (state.progress > 100)
		state.progress = 100;
	state_add(it, &state);
}

static void error_read(struct meta_item *it, const json *error)
{
	struct in_history_state state = { .error = meta_error(it->change->in->arena, error) };

	state.declined = str_is(state.error.code, ERROR_DECLINED);
	state_add(it, &state);
}

void meta_history(struct meta_item *it)
{
	struct json_iter threads = json_iter(json_get(it->v, "threads"));
	struct json_iter errors = json_iter(json_get(it->v, "errors"));
	size_t before = it->change->in->n_items;
	const json *v;

	it->origin = ORIGIN_HISTORY;
	for (size_t i = 0; (v = json_next(&threads)) && !intake_is_full(it->change->in); i++)
		messages_read(it, v, i);
	while ((v = json_next(&errors)) && !intake_is_full(it->change->in))
		error_read(it, v);
	if (json_is_obj(json_get(it->v, "metadata")))
		progress_read(it);
	if (it->change->in->n_items == before)
		intake_ignore(it->change->in, "empty_history");
}
