/* hook-receiver: a sample receiver of webhooks, also for demonstrations. Verifies each delivery, writes a line of
 * JSON for it, and with --flap fails on purpose.
 *
 * Invariant: a delivery that is answered with 204 was signed with one of the secrets, and its line was written before.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/webhook_signature.h"
#include "http/port_file.h"
#include "http/server.h"
#include "json/json.h"

#ifndef BLAZZ_VERSION
#define BLAZZ_VERSION "development"
#endif

#define EXIT_USAGE    64
#define BODY_MAX      (4 << 20)
#define SECRETS_MAX   8
#define SECRETS_BYTES 4096

static const char help[] =
	"Usage: hook-receiver --secret-file FILE [--listen ADDRESS:PORT] [--port-file FILE] [--flap MS]\n"
	"A sample receiver of Blazz's webhooks: POST anything to it, at any path, until SIGTERM or SIGINT.\n"
	"\n"
	"  --secret-file FILE  the endpoint's secrets (whsec_...), one per line; a signature of any of them is accepted\n"
	"  --listen WHERE      default 127.0.0.1:0, any free port\n"
	"  --port-file FILE    write the port there once it serves\n"
	"  --flap MS           answer 503 for that long, then work for as long, in turns\n"
	"  --help, --version\n"
	"\n"
	"Each delivery is a line of JSON on standard error: webhook-id, type, conversation, sequence, and the status of the answer:\n"
	"204; 401 when no signature is valid; 400 when the body is no event.\n";

struct options {
	const char *listen, *port_file, *secret_file;
	int64_t flap_ms; /* 0: never fails */
};

struct receiver {
	char text[SECRETS_BYTES];
	struct str secrets[SECRETS_MAX];
	size_t n_secrets;
	int64_t flap_ms;
};

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "hook-receiver: %s: %s\n", what, why);
	return -1;
}

/* 0: continue; 1: done (--help was printed); -1: wrong usage. */
static int options_parse(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{ "secret-file", required_argument, NULL, 's' },
		{ "listen", required_argument, NULL, 'l' },
		{ "port-file", required_argument, NULL, 'p' },
		{ "flap", required_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};

	for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		switch (c) {
		case 's':
			o->secret_file = optarg;
			break;
		case 'l':
			o->listen = optarg;
			break;
		case 'p':
			o->port_file = optarg;
			break;
		case 'f':
			if (!str_to_i64(str_of(optarg), &o->flap_ms) || o->flap_ms <= 0)
				return complain("--flap", "not a number of milliseconds");
			break;
		case 'h':
			fputs(help, stdout);
			return 1;
		case 'v':
			printf("hook-receiver %s\n", BLAZZ_VERSION);
			return 1;
		default:
			return -1;
		}
	}
	if (optind < argc)
		return complain(argv[optind], "no such argument, see --help");
	return o->secret_file ? 0 : complain("--secret-file", "missing, see --help");
}

static int secrets_read(struct receiver *r, const char *file)
{
	FILE *f = fopen(file, "r");
	struct str line, rest;
	bool more = true;
	size_t n;

	if (!f)
		return complain(file, strerror(errno));
	n = fread(r->text, 1, sizeof(r->text), f);
	fclose(f);
	for (rest = (struct str){ r->text, n }; more && r->n_secrets < SECRETS_MAX;) {
		more = str_cut(rest, '\n', &line, &rest);
		line = str_trim(line);
		if (line.n > 0)
			r->secrets[r->n_secrets++] = line;
	}
	return r->n_secrets > 0 ? 0 : complain(file, "holds no secret");
}

/* Serving */

static struct http_admission admit(void *ctx, struct http_request *r)
{
	(void)ctx;
	return (struct http_admission){ .refuse_status = str_is(http_method(r), "POST") ? 0 : 405,
		.max_body_bytes = BODY_MAX };
}

static bool is_signed(const struct receiver *r, const struct http_request *q)
{
	return webhook_verify(r->secrets, r->n_secrets, http_header(q, "webhook-id"),
		http_header(q, "webhook-timestamp"), http_header(q, "webhook-signature"), http_body(q), clock_now_ms());
}

static bool is_down(const struct receiver *r)
{
	return r->flap_ms > 0 && clock_mono_ms() / r->flap_ms % 2 == 0;
}

static int judge(const struct receiver *r, const struct http_request *q, const json *event)
{
	if (!is_signed(r, q))
		return 401;
	if (!json_str(json_get(event, "id")).p)
		return 400;
	return is_down(r) ? 503 : 204;
}

static void handle(void *ctx, struct http_request *q)
{
	struct json_doc *doc = NULL;
	int64_t sequence = 0;
	const json *event;
	struct err err;
	int status;

	event = json_parse(&doc, http_body(q), &err) == 0 ? json_root(doc) : NULL;
	(void)json_to_i64(json_get(event, "sequence"), &sequence);
	status = judge(ctx, q, event);
	log_info("delivery", LOG_STR("id", http_header(q, "webhook-id")),
		LOG_STR("event_id", json_str(json_get(event, "id"))),
		LOG_STR("type", json_str(json_get(event, "type"))),
		LOG_STR("conversation", json_str(json_get(event, "conversation_id"))), LOG_I("sequence", sequence),
		LOG_I("status", status));
	json_free(doc);
	http_respond(q, status, NULL, STR(""), NULL, 0);
}

static int serve(struct receiver *r, const struct options *o, const sigset_t *ends)
{
	const struct http_server_options options = { .listen = o->listen, .admit = admit, .handle = handle, .ctx = r };
	struct http_server *server = NULL;
	struct err err;
	int signal, rc;

	if (http_server_open(&server, &options, &err) < 0)
		return complain(o->listen, err.msg);
	log_info("serving", LOG_I("port", http_server_port(server)));
	rc = port_file_write(o->port_file, http_server_port(server), &err);
	if (rc < 0)
		complain("--port-file", err.msg);
	else
		sigwait(ends, &signal);
	http_server_close(&server);
	return rc;
}

int main(int argc, char **argv)
{
	struct options options = { .listen = "127.0.0.1:0" };
	struct receiver receiver = { .n_secrets = 0 };
	int rc = options_parse(argc, argv, &options);
	sigset_t ends;

	if (rc != 0)
		return rc > 0 ? EXIT_SUCCESS : EXIT_USAGE;
	log_init("hook-receiver", LOG_INFO, LOG_JSON);
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL); /* before the server starts its thread, which inherits the mask */
	receiver.flap_ms = options.flap_ms;
	rc = secrets_read(&receiver, options.secret_file);
	if (rc == 0)
		rc = serve(&receiver, &options, &ends);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
