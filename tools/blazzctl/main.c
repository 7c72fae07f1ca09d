/* blazzctl: configuration, dead letters and progress of a Blazz installation, from the command line.
 *
 * Invariant: secrets are never arguments: they come from files or standard input. Exit status: 0 success, 1 failure, 2
 * wrong usage, 3 the replay that the command followed was cancelled, 78 wrong configuration.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "ctl.h"
#include "service/process.h"
#include "terminal.h"

#ifndef BLAZZ_VERSION
#define BLAZZ_VERSION "unversioned"
#endif

static const struct command *const groups[] = {
	topics_commands,
	topics_copy_commands,
	apps_commands,
	apps_set_commands,
	accounts_commands,
	accounts_set_commands,
	accounts_wish_commands,
	accounts_qr_commands,
	instances_commands,
	instances_show_commands,
	instances_wish_commands,
	instances_rebalance_commands,
	cleanup_commands,
	secrets_commands,
	secrets_keys_commands,
	secrets_rotate_commands,
	secrets_retire_commands,
	contacts_commands,
	send_commands,
	dlq_commands,
	sync_commands,
	progress_commands,
	progress_move_commands,
	progress_rekey_commands,
	outbox_commands,
	events_commands,
	webhook_commands,
	webhook_replay_commands,
	retry_commands,
	messages_commands,
	audiences_commands,
	campaigns_commands,
	templates_commands,
	lanes_commands,
};
#define N_GROUPS (sizeof(groups) / sizeof(groups[0]))

/* The options before the command. */
struct global {
	const char *file;
	bool json, help, version;
};

static void command_describe(const struct command *c, struct buf *out)
{
	buf_printf(out, "  %s%s%s%s%s\n      %s\n", c->group, c->verb[0] ? " " : "", c->verb, c->arguments ? " " : "",
		c->arguments ? c->arguments : "", c->help);
}

static void help_print(const char *group)
{
	struct buf out = BUF_INIT;

	buf_printf(&out,
		"Usage: blazzctl [-c FILE] [--json] COMMAND ...\n\n"
		"Settings come from FILE and the environment (BLAZZ_POSTGRES_CONNINFO, BLAZZ_POSTGRES_OPS_CONNINFO,\n"
		"BLAZZ_KAFKA_BOOTSTRAP_SERVERS, BLAZZ_TOPICS_PREFIX, BLAZZ_SECRETS_KEYRING_FILE). --json prints for programs.\n\n");
	for (size_t g = 0; g < N_GROUPS; g++) {
		for (const struct command *c = groups[g]; c->group; c++) {
			if (group && strcmp(group, c->group) != 0)
				continue;
			command_describe(c, &out);
			options_help(c->options, &out);
		}
	}
	fwrite(out.p, 1, out.n, stdout);
	buf_fini(&out);
}

static const struct command *command_find(const char *group, const char *verb)
{
	for (size_t g = 0; g < N_GROUPS; g++)
		for (const struct command *c = groups[g]; c->group; c++)
			if (strcmp(c->group, group) == 0 && (!c->verb[0] || (verb && strcmp(c->verb, verb) == 0)))
				return c;
	return NULL;
}

/* Parses the options before the command; *at is then the index of the command. */
static int global_parse(struct global *g, int argc, char **argv, int *at, struct err *err)
{
	int i = 1;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "-c") == 0 && i + 1 < argc)
			g->file = argv[++i];
		else if (strcmp(argv[i], "--json") == 0)
			g->json = true;
		else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			g->help = true;
		else if (strcmp(argv[i], "--version") == 0)
			g->version = true;
		else
			return ctl_usage(err, "%s is not an option of blazzctl", argv[i]);
	}
	*at = i;
	return 0;
}

/* Removes --help and --json from the command's arguments: they may also follow the command. */
static int flags_take(struct global *g, int argc, char **argv)
{
	int n = 0;

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			g->json = true;
		else if (strcmp(argv[i], "--help") == 0)
			g->help = true;
		else
			argv[n++] = argv[i];
	}
	return n;
}

static int command_run(const struct command *c, const struct global *g, int argc, char **argv, struct err *err)
{
	void *options = mem_calloc(1, c->options_size + 1);
	struct ctl ctl = { .json = g->json };
	int n = 0, rc = -1;

	if (options_parse(c->options, options, argc, argv, clock_now_ms(), &n, err) < 0)
		goto out;
	argv[n] = NULL;
	if (n < c->min_arguments || n > c->max_arguments) {
		ctl_usage(err, "%s %s takes %s", c->group, c->verb, c->arguments ? c->arguments : "no arguments");
		goto out;
	}
	if (ctl_open(&ctl, g->file, err) == 0)
		rc = c->run(&ctl, options, argv, err);
out:
	ctl_close(&ctl);
	free(options);
	return rc;
}

static enum ctl_exit fail(const struct err *err)
{
	fputs("blazzctl: ", stderr);
	terminal_print(stderr, str_of(err->msg));
	putc('\n', stderr);
	if (err->kind == ERR_USAGE)
		fputs("Try blazzctl --help.\n", stderr);
	return err->kind == ERR_USAGE        ? CTL_EXIT_USAGE
		: err->kind == ERR_CANCELLED ? CTL_EXIT_CANCELLED
		: err->kind == ERR_CONFIG    ? CTL_EXIT_CONFIG
					     : CTL_EXIT_FAILED;
}

static enum ctl_exit command_dispatch(struct global *g, int argc, char **argv, struct err *err)
{
	const struct command *c;
	int skip;

	argc = flags_take(g, argc, argv);
	if (g->help || argc == 0) {
		help_print(argc > 0 ? argv[0] : NULL);
		return g->help ? CTL_EXIT_OK : CTL_EXIT_USAGE;
	}
	c = command_find(argv[0], argc > 1 ? argv[1] : NULL);
	if (!c) {
		ctl_usage(err, "%s%s%s: no such command", argv[0], argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
		return fail(err);
	}
	skip = c->verb[0] ? 2 : 1;
	if (command_run(c, g, argc - skip, argv + skip, err) < 0)
		return fail(err);
	return fflush(stdout) == 0 ? CTL_EXIT_OK : CTL_EXIT_FAILED;
}

int main(int argc, char **argv)
{
	struct global g = { 0 };
	struct err err = { .kind = ERR_NONE };
	int at = 1;

	process_harden(); /* every command reads the keyring */
	log_init("blazzctl", LOG_ERROR, LOG_LOGFMT);
	if (global_parse(&g, argc, argv, &at, &err) < 0)
		return (int)fail(&err);
	if (g.version) {
		printf("blazzctl %s\n", BLAZZ_VERSION);
		return CTL_EXIT_OK;
	}
	return (int)command_dispatch(&g, argc - at, argv + at, &err);
}
