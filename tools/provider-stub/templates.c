/* See templates.h. */
#include "templates.h"

#include <stdlib.h>

#include "base/map.h"

#define WABAS_MAX     1000
#define TEMPLATES_MAX 10000 /* of one WABA */
#define PAGE_USUAL    25

struct waba {
	size_t n;
	char **list; /* JSON objects as written */
};

struct templates {
	struct map *by_waba;
};

struct templates *templates_new(void)
{
	struct templates *t = mem_calloc(1, sizeof(*t));

	t->by_waba = map_new();
	return t;
}

static void waba_clear(struct waba *w)
{
	for (size_t i = 0; i < w->n; i++)
		free(w->list[i]);
	free(w->list);
	*w = (struct waba){ 0 };
}

void templates_free(struct templates *t)
{
	struct str key;
	void *waba;

	if (!t)
		return;
	for (size_t i = 0; map_each(t->by_waba, &i, &key, &waba);) {
		waba_clear(waba);
		free(waba);
	}
	map_free(t->by_waba);
	free(t);
}

static void waba_fill(struct waba *w, const json *list)
{
	struct json_iter it = json_iter(list);
	struct buf text = BUF_INIT;
	const json *one;

	w->list = mem_calloc(json_count(list) + 1, sizeof(*w->list));
	while ((one = json_next(&it))) {
		buf_clear(&text);
		if (json_write_without(one, NULL, 0, &text, NULL) == 0)
			w->list[w->n++] = mem_cstr(buf_str(&text));
	}
	buf_fini(&text);
}

int templates_put(struct templates *t, const json *v, struct err *err)
{
	struct str name = json_str(json_get(v, "waba"));
	const json *list = json_get(v, "templates");
	void **slot;

	if (stub_require(name, "waba", err) < 0)
		return -1;
	if (!json_is_arr(list) || json_count(list) > TEMPLATES_MAX)
		return err_set(err, ERR_INPUT, "templates", "templates: not an array of at most %d", TEMPLATES_MAX);
	if (!map_get(t->by_waba, name) && map_count(t->by_waba) >= WABAS_MAX)
		return err_set(err, ERR_INPUT, "templates", "there are %d WABAs already", WABAS_MAX);
	slot = map_slot(t->by_waba, name);
	if (!*slot)
		*slot = mem_calloc(1, sizeof(struct waba));
	waba_clear(*slot);
	waba_fill(*slot, list);
	return 0;
}

static void paging_write(struct json_writer *w, struct str base, int64_t limit, size_t first, size_t next, bool more)
{
	struct buf text = BUF_INIT;

	jw_key(w, "paging");
	jw_obj(w);
	jw_key(w, "cursors");
	jw_obj(w);
	buf_printf(&text, "c%zu", first);
	jw_member_str(w, "before", buf_str(&text));
	buf_clear(&text);
	buf_printf(&text, "c%zu", next);
	jw_member_str(w, "after", buf_str(&text));
	jw_obj_end(w);
	buf_clear(&text);
	buf_printf(&text, "%.*s?limit=%lld&after=c%zu", STR_ARG(base), (long long)limit, next);
	if (more)
		jw_member_str(w, "next", buf_str(&text));
	jw_obj_end(w);
	buf_fini(&text);
}

void templates_page(const struct templates *t, struct str waba, int64_t limit, struct str after, struct str base,
	struct stub_answer *out)
{
	const struct waba *found = map_get(t->by_waba, waba);
	size_t n = found ? found->n : 0, first, end;
	struct json_writer w = stub_answer_begin(out, 200);
	int64_t from = 0;

	if (after.n > 1 && !str_to_i64(str_slice(after, 1, after.n), &from))
		from = 0;
	limit = limit > 0 ? limit : PAGE_USUAL;
	first = from > 0 && (uint64_t)from <= n ? (size_t)from : 0;
	end = (uint64_t)limit < n - first ? first + (size_t)limit : n;
	jw_obj(&w);
	jw_key(&w, "data");
	jw_arr(&w);
	for (size_t i = first; i < end; i++)
		jw_raw(&w, str_of(found->list[i]));
	jw_arr_end(&w);
	if (n > 0)
		paging_write(&w, base, limit, first, end, end < n);
	jw_obj_end(&w);
}
