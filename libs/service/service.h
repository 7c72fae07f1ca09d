/* The life every service shares: arguments, configuration, log, signals, admin port, readiness, drain.
 *
 * A service's main() fills a struct service_spec, calls service_start(), opens its parts, runs, closes in reverse and
 * returns service_end(). The main loop is the service's own: it calls service_stopping() in each turn, or adds the
 * signal descriptor to its event loop.
 */
#ifndef SERVICE_SERVICE_H
#define SERVICE_SERVICE_H

#include "config/config.h"
#include "kafka/config.h"

#define SERVICE_EXIT_CONFIG 78 /* sysexits EX_CONFIG: do not restart */

struct service;
struct topic_names;

struct service_spec {
	const char *name;    /* "chat-sync"; the binary is blazz-chat-sync */
	const char *summary; /* one line for --help */
	/* The service's own keys; the shared ones (log.*, admin.*, kafka.*, topics.prefix) are added to them. */
	const struct config_key *keys;
	void *settings; /* filled by service_start(); a reload that changes a live key frees its previous text */
	size_t settings_size;
	const char *admin_listen; /* default of admin.listen: the service's documented port; NULL: 127.0.0.1:0 */
	/* Checks what the table cannot express (a conninfo that parses, ranges that depend on each other). May be
	 * NULL. */
	int (*check)(const void *settings, struct err *err);
	/* Called after SIGHUP has changed live keys. May be NULL. */
	void (*reloaded)(void *ctx);
	void *ctx;
};

/* Handles -c FILE, -n, --help, --version, --config-table (markdown); exits for those and for configuration errors (78).
 * Then sets up logging, blocks and collects SIGTERM, SIGINT, SIGHUP, ignores SIGPIPE, disables core files (not where
 * failpoints are compiled in), and starts the admin server (admin.listen; the port is logged and, when admin.port_file
 * is set, written there). Call it before any thread starts: threads inherit the blocked signals. */
int service_start(struct service **out, const struct service_spec *spec, int argc, char **argv,
	struct err *err) ERR_MUST_USE;
/* Logs the failure, stops the admin port and frees. *s may be NULL. Returns the exit status: 0 when failure is NULL or
 * of kind ERR_NONE, 78 for ERR_INPUT, otherwise 1. */
int service_end(struct service **s, const struct err *failure);

const struct kafka_config *service_kafka(const struct service *s);
/* All topics' full names, under topics.prefix; see kafka/topics.h. */
const struct topic_names *service_topics(const struct service *s);
const char *service_version(void);

/* True once SIGTERM or SIGINT has arrived. Also handles a pending SIGHUP; cheap. */
bool service_stopping(struct service *s);
/* A descriptor like a signalfd, readable when service_stopping() should be called. */
int service_signal_fd(const struct service *s);

/* The service calls this in every turn of its loop: /livez answers 200 while the last call is no older than
 * `admin.live_timeout` (default 10 s). */
void service_alive(struct service *s);
/* /readyz answers 200 when there are conditions, every one is true, and the service is not draining; else 503 with the
 * names and reasons of those that are not, one per line. Conditions start false with reason "starting". Safe from any
 * thread. */
struct service_condition;
struct service_condition *service_condition(struct service *s, const char *name);
void service_condition_set(struct service_condition *c, bool ok, const char *reason);

#endif
