/* A line for each column of an instant campaign and for what a recipient has. Whatever is composed passes the check of its provider and is
 * read again as the row that it becomes; what cannot be composed leaves the output unchanged, and what does not compile has a reason.
 */
#include "base/utf8.h"
#include "campaign-sender/content/composition.h"
#include "campaign-sender/content/outgoing.h"
#include "input.h"

struct input {
	struct campaign_row row;
	struct audience_member member;
	enum provider provider;
};

/* False: a column or value is not text, as PostgreSQL's are. */
static bool columns_take(struct str *rest, struct str *const *columns, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		*columns[i] = line_take(rest);
		if (!utf8_storable(*columns[i]))
			return false;
	}
	return true;
}

/* The first line says which provider and header: "webjs text". */
static bool input_take(struct str rest, struct input *in)
{
	struct campaign_row *row = &in->row;
	struct audience_member *member = &in->member;
	struct str provider, first = line_take(&rest);
	struct str *const columns[] = { &row->name, &row->header_text, &row->header_media, &row->body_text,
		&row->footer_text, &row->buttons_data, &member->dialled, &member->first_name, &member->variables };

	str_cut(first, ' ', &provider, &row->header_type);
	in->provider = str_is(provider, "webjs") ? PROVIDER_WEBJS : PROVIDER_META;
	row->type = STR("instant");
	row->uuid.b[0] = row->workspace.b[0] = 1;
	member->address = STR("6281234567890");
	return columns_take(&rest, columns, sizeof(columns) / sizeof(columns[0]));
}

static void message_check(const struct input *in, struct str content, struct arena *a)
{
	const struct provider_api *api = in->provider == PROVIDER_META ? &provider_meta : &provider_blazz;
	struct client_id id = { .campaign = in->row.uuid, .id = 1 };
	struct outgoing out;
	struct shown shown;
	struct err err;

	assert(outgoing_read(&out, content, in->member.address, &id, api, a, &err) == 0);
	assert(provider_check(api, &out.to_provider, a, &err) == 0);
	assert(out.to_provider.to.contact.phone.n > 0);
	outgoing_shown(&out.message, NULL, a, &shown);
	assert(utf8_storable(shown.body));
}

static void write_check(const struct composition *c, const struct input *in, struct arena *a)
{
	struct buf once = BUF_INIT, twice = BUF_INIT;
	struct str missing;
	enum composed composed = composition_write(c, &in->member, in->provider, 7, a, &once, &missing);

	assert(composition_write(c, &in->member, in->provider, 7, a, &twice, &missing) == composed);
	assert(str_eq(buf_str(&once), buf_str(&twice)));
	if (composed == COMPOSED)
		message_check(in, buf_str(&once), a);
	else
		assert(once.n == 0);
	buf_fini(&once);
	buf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { .provider = PROVIDER_NONE };
	struct arena *a = arena_new(0);
	struct composition *c;
	struct reasons why;

	reasons_init(&why, a);
	if (input_take(input_of(data, size), &in)) {
		if (composition_compile(&c, &in.row, in.provider, NULL, a, &why) == 0)
			write_check(c, &in, a);
		else
			assert(why.n > 0 && why.n <= REASONS_MAX);
	}
	arena_free(a);
	return 0;
}
