/* The configuration as text for operators: --help, the README's table, -n. Invariant: no secret is printed. */
#include "config/config.h"

#include "config/loaded.h"

static void add_range(const struct config_key *k, struct buf *out)
{
	if (k->min == 0 && k->max == 0)
		return;
	config_number_format(k->type, k->min, out);
	buf_printf(out, "..");
	config_number_format(k->type, k->max, out);
}

static void add_flags(const struct config_key *k, const char *before, struct buf *out)
{
	static const struct {
		unsigned flag;
		const char *name;
	} flags[] = { { CONFIG_REQUIRED, "required" }, { CONFIG_SECRET, "secret" }, { CONFIG_LIVE, "live" } };

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (k->flags & flags[i].flag) {
			buf_printf(out, "%s%s", before, flags[i].name);
			before = ", ";
		}
}

void config_help(const struct config_key *keys, struct buf *out)
{
	for (const struct config_key *k = keys; k->name; k++) {
		buf_printf(out, "  %s", k->name);
		if (k->preset)
			buf_printf(out, " = %s", k->preset);
		buf_printf(out, "  (%s", config_type_name(k->type));
		if (k->min != 0 || k->max != 0)
			buf_add_char(out, ' ');
		add_range(k, out);
		add_flags(k, ", ", out);
		buf_printf(out, ")\n        %s\n", k->help);
	}
}

static void add_cell(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			buf_add_char(out, '\\');
		buf_add_char(out, *text);
	}
}

void config_markdown(const struct config_key *keys, struct buf *out)
{
	buf_printf(out, "| Key | Type | Default | Range | Meaning |\n|---|---|---|---|---|\n");
	for (const struct config_key *k = keys; k->name; k++) {
		buf_printf(out, "| `%s` | %s", k->name, config_type_name(k->type));
		add_flags(k, ", ", out);
		buf_printf(out, " | ");
		if (k->preset && *k->preset)
			buf_printf(out, "`%s`", k->preset);
		buf_printf(out, " | ");
		add_range(k, out);
		buf_printf(out, " | ");
		add_cell(out, k->help);
		buf_printf(out, " |\n");
	}
}

static void dump_one(struct buf *out, const char *name, const char *text, bool secret)
{
	if (text)
		buf_printf(out, "%s = %s\n", name, secret ? "***" : text);
	else
		buf_printf(out, "# %s is not set\n", name);
}

void config_dump(const struct config *c, struct buf *out)
{
	const struct config_entries *kafka = &c->loaded.kafka;

	for (size_t i = 0; i < c->loaded.n; i++)
		dump_one(out, c->keys[i].name, c->loaded.values[i].text, c->keys[i].flags & CONFIG_SECRET);
	for (size_t i = 0; i < kafka->n; i++)
		if (config_entries_find(kafka, kafka->e[i].name) == &kafka->e[i])
			dump_one(out, kafka->e[i].name, kafka->e[i].text, config_kafka_is_secret(kafka->e[i].name));
}
