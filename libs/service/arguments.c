/* The command line. Settings cannot be given here: arguments are visible to every user of the machine. */
#include "service/arguments.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "service/settings.h"

static _Noreturn void print_and_exit(struct buf *text)
{
	fwrite(text->p, 1, text->n, stdout);
	buf_fini(text);
	exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

static _Noreturn void help(const struct service_spec *spec)
{
	struct config_key *keys = settings_keys(spec);
	struct buf text = BUF_INIT;

	buf_printf(&text, "Usage: blazz-%s [-c FILE] [-n]\n%s\n\n", spec->name, spec->summary);
	buf_printf(&text,
		"  -c FILE         read settings from FILE\n"
		"  -n              check the configuration, print it without secrets, and exit\n"
		"  --config-table  print all settings as a markdown table\n"
		"  --version       print the version\n"
		"  --help          print this\n\n"
		"Settings, in the file or in the environment (log.level is BLAZZ_LOG_LEVEL there):\n\n");
	config_help(keys, &text);
	free(keys);
	print_and_exit(&text);
}

static _Noreturn void version(const struct service_spec *spec)
{
	struct buf text = BUF_INIT;

	buf_printf(&text, "blazz-%s %s\n", spec->name, service_version());
	print_and_exit(&text);
}

static _Noreturn void config_table(const struct service_spec *spec)
{
	struct config_key *keys = settings_keys(spec);
	struct buf text = BUF_INIT;

	config_markdown(keys, &text);
	free(keys);
	print_and_exit(&text);
}

static _Noreturn void usage_exit(const struct service_spec *spec)
{
	fprintf(stderr, "Try blazz-%s --help.\n", spec->name);
	exit(SERVICE_EXIT_CONFIG);
}

struct arguments arguments_parse(const struct service_spec *spec, int argc, char **argv)
{
	enum { TABLE = 1000 };
	static const struct option options[] = { { "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'n' }, { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'V' }, { "config-table", no_argument, NULL, TABLE },
		{ NULL, 0, NULL, 0 } };
	struct arguments a = { NULL, false };
	int c;

	while ((c = getopt_long(argc, argv, "c:nhV", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			a.file = optarg;
			break;
		case 'n':
			a.check_only = true;
			break;
		case 'h':
			help(spec);
		case 'V':
			version(spec);
		case TABLE:
			config_table(spec);
		default:
			usage_exit(spec);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "blazz-%s: '%s' is not an option\n", spec->name, argv[optind]);
		usage_exit(spec);
	}
	return a;
}
