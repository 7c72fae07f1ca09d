/* provider-stub: Meta's Graph API and the bridges, for tests of what sends through them. See README.md.
 *
 * Invariant: a message whose sender gets any answer is in the journal. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/rng.h"
#include "exchange.h"
#include "http/port_file.h"
#include "journal_load.h"

#ifndef BLAZZ_VERSION
#define BLAZZ_VERSION "development"
#endif

#define EXIT_USAGE  64
#define EXIT_CONFIG 78
#define BODY_MAX    ((size_t)1 << 20)
#define CONTROL_MAX ((size_t)16 << 20)
#define FILE_MAX    ((size_t)16 << 20)
#define FILE_STEP   ((size_t)65536)
#define ARENA_BYTES 16384
#define IDLE_MS     120000 /* longer than the idle connections of any sender under test live */

static const char usage[] =
	"Usage: provider-stub [-c FILE] [--listen ADDRESS:PORT] [--port-file FILE] [--journal FILE]\n"
	"Plays Meta's Graph API and the bridges (blazz, waha, evolution, wwebjs) until SIGTERM or SIGINT.\n"
	"\n"
	"  -c FILE           the configuration, in libconfig's syntax; its keys are below\n"
	"  --listen WHERE    overrides http.listen\n"
	"  --port-file FILE  overrides http.port_file\n"
	"  --journal FILE    overrides journal.file\n"
	"  --help, --version\n"
	"\n";

struct arguments {
	const char *config, *listen, *port_file, *journal;
};

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "provider-stub: %s: %s\n", what, why);
	return -1;
}

static void help_print(void)
{
	struct buf keys = BUF_INIT;

	config_help(stub_settings_keys, &keys);
	printf("%s%.*s", usage, STR_ARG(buf_str(&keys)));
	buf_fini(&keys);
}

/* 0: continue; 1: done; -1: wrong usage. */
static int arguments_read(int argc, char **argv, struct arguments *a)
{
	static const struct option known[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "port-file", required_argument, NULL, 'p' },
		{ "journal", required_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};

	for (int c; (c = getopt_long(argc, argv, "c:", known, NULL)) != -1;) {
		switch (c) {
		case 'c':
			a->config = optarg;
			break;
		case 'l':
			a->listen = optarg;
			break;
		case 'p':
			a->port_file = optarg;
			break;
		case 'j':
			a->journal = optarg;
			break;
		case 'h':
			help_print();
			return 1;
		case 'v':
			printf("provider-stub %s\n", BLAZZ_VERSION);
			return 1;
		default:
			return -1;
		}
	}
	return optind < argc ? complain(argv[optind], "no such argument, see --help") : 0;
}

static int file_read(const char *path, struct buf *out, struct err *err)
{
	FILE *f = fopen(path, "r");

	if (!f)
		return err_set(err, ERR_INPUT, "file", "%s: %s", path, strerror(errno));
	while (!feof(f) && !ferror(f) && out->n <= FILE_MAX)
		out->n += fread(buf_reserve(out, FILE_STEP), 1, FILE_STEP, f);
	fclose(f);
	return out->n <= FILE_MAX ? 0 : err_set(err, ERR_INPUT, "file", "%s: too large", path);
}

/* A file of sessions or rules; NULL or "": none. */
static int file_load(struct stub *s, const char *path, int (*load)(struct stub *s, const json *v, struct err *err),
	struct err *err)
{
	struct buf text = BUF_INIT;
	struct json_doc *doc = NULL;
	int rc = 0;

	if (!path || !*path)
		return 0;
	rc = file_read(path, &text, err);
	if (rc == 0 && (json_parse(&doc, buf_str(&text), err) < 0 || load(s, json_root(doc), err) < 0))
		rc = err_wrap(err, "%s", path);
	json_free(doc);
	buf_fini(&text);
	return rc;
}

static int sessions_load(struct stub *s, const json *v, struct err *err)
{
	return sessions_put(s->sessions, v, err);
}

static int rules_load(struct stub *s, const json *v, struct err *err)
{
	return rules_put(s->rules, v, err);
}

static struct http_admission admit(void *ctx, struct http_request *r)
{
	(void)ctx;
	return (struct http_admission){ 0, str_starts(http_path(r), STR("/_")) ? CONTROL_MAX : BODY_MAX };
}

static int server_open(struct stub *s, const struct arguments *a, struct err *err)
{
	const struct http_server_options options = {
		.listen = a->listen ? a->listen : s->settings.listen,
		.loop = s->loop,
		.max_connections = (int)s->settings.max_connections,
		.idle_timeout_ms = IDLE_MS,
		.admit = admit,
		.handle = stub_handle,
		.ctx = s,
	};

	if (http_server_open(&s->server, &options, err) < 0)
		return -1;
	log_info("serving", LOG_I("port", http_server_port(s->server)));
	return port_file_write(a->port_file ? a->port_file : s->settings.port_file, http_server_port(s->server), err);
}

static void parts_new(struct stub *s)
{
	const struct stub_settings *o = &s->settings;
	uint32_t run;

	rng_bytes(&run, sizeof(run));
	snprintf(s->run, sizeof(s->run), "%08X", (unsigned)run);
	s->arena = arena_new(ARENA_BYTES);
	s->agenda = agenda_new(s->loop);
	s->sessions = sessions_new((size_t)o->sessions_max);
	s->rules = rules_new((uint64_t)o->seed);
	s->templates = templates_new();
	s->instances = instances_new();
	s->calls = calls_new((size_t)o->journal_keep);
	s->ids = known_ids_new((size_t)o->ids_keep, o->ids_ttl_ms);
}

static int journal_open(struct stub *s, const char *file, struct err *err)
{
	struct stub_journal_options options = {
		.file = file,
		.keep = (size_t)s->settings.journal_keep,
		.bodies = s->settings.journal_bodies,
	};

	if (stub_journal_load(file, s->ids, &options.next_seq, err) < 0)
		return -1;
	return stub_journal_open(&s->journal, &options, err);
}

static int stub_open(struct stub *s, const struct arguments *a, struct err *err)
{
	const struct stub_settings *o = &s->settings;

	if (loop_new(&s->loop, err) < 0)
		return -1;
	parts_new(s);
	if (file_load(s, o->sessions_file, sessions_load, err) < 0 || file_load(s, o->rules_file, rules_load, err) < 0)
		return -1;
	if (journal_open(s, a->journal ? a->journal : o->journal_file, err) < 0)
		return -1;
	if (webhooks_open(&s->webhooks, s->loop, s->agenda, o, err) < 0)
		return -1;
	return server_open(s, a, err);
}

static void stub_close(struct stub *s)
{
	http_server_close(&s->server);
	agenda_free(s->agenda);
	webhooks_close(&s->webhooks);
	stub_journal_close(s->journal);
	known_ids_free(s->ids);
	templates_free(s->templates);
	instances_free(s->instances);
	calls_free(s->calls);
	rules_free(s->rules);
	sessions_free(s->sessions);
	arena_free(s->arena);
	loop_free(s->loop);
}

static void stop(void *ctx)
{
	loop_stop(((struct stub *)ctx)->loop);
}

static int stub_run(struct stub *s, struct err *err)
{
	struct loop_signal *term = loop_signal_new(s->loop, SIGTERM, stop, s);
	struct loop_signal *interrupt = loop_signal_new(s->loop, SIGINT, stop, s);
	int rc = loop_run(s->loop, err);

	loop_signal_free(term);
	loop_signal_free(interrupt);
	if (rc == 0 && s->failure.kind != ERR_NONE) {
		*err = s->failure;
		return -1;
	}
	return rc;
}

int main(int argc, char **argv)
{
	struct stub stub = { .messages = 0 };
	struct arguments arguments = { .config = NULL };
	struct config *config = NULL;
	int rc = arguments_read(argc, argv, &arguments);
	struct err err = { 0 };

	if (rc != 0)
		return rc > 0 ? EXIT_SUCCESS : EXIT_USAGE;
	log_init("provider-stub", LOG_INFO, LOG_LOGFMT);
	signal(SIGPIPE, SIG_IGN);
	rc = config_load(&config, arguments.config, stub_settings_keys, &stub.settings, sizeof(stub.settings), &err);
	if (rc == 0)
		rc = stub_open(&stub, &arguments, &err);
	if (rc == 0)
		rc = stub_run(&stub, &err);
	stub_close(&stub);
	config_free(config);
	if (rc == 0)
		return EXIT_SUCCESS;
	fprintf(stderr, "provider-stub: %s\n", err.msg);
	return err.kind == ERR_INPUT ? EXIT_CONFIG : EXIT_FAILURE;
}
