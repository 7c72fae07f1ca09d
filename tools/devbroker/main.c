/* devbroker: librdkafka's mock cluster as a process of its own, the broker of the demo. In memory, on loopback, on a
 * free port, which it writes to a file. The help text lists its limits.
 *
 * Invariant: the address file exists only while the broker serves with all its topics.
 */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef BLAZZ_VERSION
#define BLAZZ_VERSION "development"
#endif

#define EXIT_USAGE     64
#define PARTITIONS_MAX 1000

static const char help[] =
	"Usage: devbroker --address-file FILE [--partitions N] TOPIC[:PARTITIONS]...\n"
	"An in-memory Kafka broker for demonstrations: serves the topics on 127.0.0.1 until SIGTERM or SIGINT.\n"
	"\n"
	"  --address-file FILE  write host:port there once it serves; removed at the end\n"
	"  --partitions N       of topics that do not say it themselves (default 4)\n"
	"  --help, --version\n"
	"\n"
	"It is librdkafka's mock cluster, with that one's limits:\n"
	"  - nothing survives its end, and the port is another one every time;\n"
	"  - a partition keeps 5 MiB or 100,000 batches; older ones are dropped silently;\n"
	"  - no Admin API: topics are named here and cannot be created, changed or listed with settings later;\n"
	"  - a second member of a consumer group stalls for a session timeout;\n"
	"  - it looks up no times: what starts at one (blazzctl events --since, webhook replay) fails or finds nothing;\n"
	"  - an empty fetch takes fetch.wait.max.ms (10 suits it); no TLS, no SASL, no ACLs.\n"
	"Use Apache Kafka for everything that matters.\n";

struct options {
	const char *address_file;
	int partitions;
	char **topics;
	int topics_count;
};

struct broker {
	rd_kafka_t *host; /* the mock cluster lives in a client */
	rd_kafka_mock_cluster_t *cluster;
};

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "devbroker: %s: %s\n", what, why);
	return -1;
}

static int partitions_parse(const char *text, int *out)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || *end || n < 1 || n > PARTITIONS_MAX)
		return complain(text, "not a number of partitions from 1 to 1000");
	*out = (int)n;
	return 0;
}

/* 0: continue; 1: done (--help was printed); -1: wrong usage. */
static int options_parse(int argc, char **argv, struct options *o)
{
	static const struct option known[] = {
		{ "address-file", required_argument, NULL, 'a' },
		{ "partitions", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};

	for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
		switch (c) {
		case 'a':
			o->address_file = optarg;
			break;
		case 'p':
			if (partitions_parse(optarg, &o->partitions) < 0)
				return -1;
			break;
		case 'h':
			fputs(help, stdout);
			return 1;
		case 'v':
			printf("devbroker %s (librdkafka %s)\n", BLAZZ_VERSION, rd_kafka_version_str());
			return 1;
		default:
			return -1;
		}
	}
	o->topics = argv + optind;
	o->topics_count = argc - optind;
	return o->address_file ? 0 : complain("--address-file", "missing, see --help");
}

static int broker_open(struct broker *b)
{
	char why[200];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	rd_kafka_conf_set(conf, "log_level", "3", NULL, 0);
	b->host = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (!b->host) {
		rd_kafka_conf_destroy(conf);
		return complain("librdkafka", why);
	}
	b->cluster = rd_kafka_mock_cluster_new(b->host, 1);
	return b->cluster ? 0 : complain("librdkafka", "the mock cluster does not start");
}

static void broker_close(struct broker *b)
{
	if (b->cluster)
		rd_kafka_mock_cluster_destroy(b->cluster);
	if (b->host)
		rd_kafka_destroy(b->host);
}

/* "name" or "name:partitions"; cuts the text at the colon. */
static int topic_create(struct broker *b, char *text, int partitions)
{
	char *colon = strrchr(text, ':');
	rd_kafka_resp_err_t code;

	if (colon) {
		*colon = '\0';
		if (partitions_parse(colon + 1, &partitions) < 0)
			return -1;
	}
	code = rd_kafka_mock_topic_create(b->cluster, text, partitions, 1);
	return code ? complain(text, rd_kafka_err2str(code)) : 0;
}

static int topics_create(struct broker *b, const struct options *o)
{
	for (int i = 0; i < o->topics_count; i++)
		if (topic_create(b, o->topics[i], o->partitions) < 0)
			return -1;
	return 0;
}

/* Written under another name and renamed, so that a process that waits for the file finds the whole address in it. */
static int address_write(const char *file, const char *address)
{
	char beside[4096];
	bool written;
	FILE *f;

	if ((size_t)snprintf(beside, sizeof(beside), "%s.%ld", file, (long)getpid()) >= sizeof(beside))
		return complain(file, "too long");
	f = fopen(beside, "w");
	if (!f)
		return complain(beside, strerror(errno));
	written = fprintf(f, "%s\n", address) > 0;
	written = fclose(f) == 0 && written;
	if (written && rename(beside, file) == 0)
		return 0;
	complain(file, strerror(errno));
	unlink(beside);
	return -1;
}

static int serve(struct broker *b, const struct options *o, const sigset_t *ends)
{
	int signal;

	if (address_write(o->address_file, rd_kafka_mock_cluster_bootstraps(b->cluster)) < 0)
		return -1;
	sigwait(ends, &signal);
	unlink(o->address_file);
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = { .partitions = 4 };
	struct broker broker = { NULL, NULL };
	int rc = options_parse(argc, argv, &options);
	sigset_t ends;

	if (rc != 0)
		return rc > 0 ? EXIT_SUCCESS : EXIT_USAGE;
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL); /* before librdkafka starts threads, which inherit the mask */
	unlink(options.address_file);
	rc = broker_open(&broker);
	if (rc == 0)
		rc = topics_create(&broker, &options);
	if (rc == 0)
		rc = serve(&broker, &options, &ends);
	broker_close(&broker);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
