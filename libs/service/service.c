/* The life of a service. Invariant: only the main thread starts, stops, handles signals and reloads; the admin thread
 * only reads, and only what is atomic or guarded by a lock.
 */
#include "service/service.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "kafka/topics.h"
#include "metrics/metrics.h"
#include "service/admin.h"
#include "service/arguments.h"
#include "service/process.h"
#include "service/readiness.h"
#include "service/settings.h"

#ifndef BLAZZ_VERSION
#define BLAZZ_VERSION "unversioned"
#endif

struct service {
	struct service_spec spec;
	struct settings *settings;
	struct readiness *readiness;
	struct admin *admin;
	struct topic_names topics;
	int signal_fd;
	int64_t started_ms;
	int64_t live_timeout_ms;
	_Atomic int64_t alive_mono_ms;
	atomic_bool stopping;
	struct metric *reloads;
	struct metric_cell *ready;
};

enum reload_result { RELOAD_APPLIED, RELOAD_PARTIAL, RELOAD_FAILED };
static const char *const reload_words[] = { "applied", "partial", "failed" };

const char *service_version(void)
{
	return BLAZZ_VERSION;
}

static void service_free(struct service *s)
{
	admin_close(&s->admin);
	if (s->signal_fd >= 0)
		close(s->signal_fd);
	readiness_free(s->readiness);
	settings_free(s->settings);
	free(s);
}

static _Noreturn void exit_config(struct service *s, const struct err *err)
{
	fprintf(stderr, "blazz-%s: %s\n", s->spec.name, err->msg);
	service_free(s);
	exit(SERVICE_EXIT_CONFIG);
}

static _Noreturn void exit_checked(struct service *s)
{
	struct buf text = BUF_INIT;

	settings_dump(s->settings, &text);
	fwrite(text.p, 1, text.n, stdout);
	buf_fini(&text);
	service_free(s);
	exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

static int signals_open(struct service *s, struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	s->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return s->signal_fd < 0 ? err_set(err, ERR_FATAL, "signalfd", "%s", strerror(errno)) : 0;
}

static int open_parts(struct service *s, struct err *err)
{
	const struct shared_settings *shared = settings_shared(s->settings);

	if (signals_open(s, err) < 0)
		return -1;
	return admin_open(&s->admin, s, shared->admin_listen, shared->admin_port_file, err);
}

static void metrics_init(struct service *s)
{
	s->ready = METRIC_CELL(metric_gauge("blazz_ready", "1 while /readyz answers 200.", NULL), NULL);
	s->reloads = metric_counter("blazz_config_reloads",
		"Reloads by result: applied, partial (other keys need a restart), failed (nothing changed).", "result");
	for (size_t i = 0; i < sizeof(reload_words) / sizeof(reload_words[0]); i++)
		(void)METRIC_CELL(s->reloads, reload_words[i]);
}

static struct service *service_new(const struct service_spec *spec)
{
	struct service *s = mem_calloc(1, sizeof(*s));

	s->spec = *spec;
	s->signal_fd = -1;
	s->started_ms = clock_now_ms();
	s->readiness = readiness_new();
	metrics_init(s);
	service_alive(s);
	return s;
}

int service_start(struct service **out, const struct service_spec *spec, int argc, char **argv, struct err *err)
{
	struct arguments arguments = arguments_parse(spec, argc, argv);
	struct service *s = service_new(spec);

	if (settings_load(&s->settings, &s->spec, arguments.file, err) < 0)
		exit_config(s, err);
	if (arguments.check_only)
		exit_checked(s);
	log_init(spec->name, settings_log_level(s->settings), settings_log_format(s->settings));
	process_harden();
	process_raise_files();
	topic_names_make(&s->topics, settings_shared(s->settings)->topic_prefix);
	s->live_timeout_ms = settings_shared(s->settings)->admin_live_timeout_ms;
	if (open_parts(s, err) < 0) {
		if (err->kind == ERR_INPUT)
			exit_config(s, err);
		service_free(s);
		return -1;
	}
	log_info("service started", LOG_S("version", service_version()), LOG_I("admin_port", admin_port(s->admin)));
	*out = s;
	return 0;
}

int service_end(struct service **service, const struct err *failure)
{
	bool failed = failure && failure->kind != ERR_NONE;

	if (failed)
		log_error("service failed", LOG_ERR(failure));
	else
		log_info("service stopped");
	if (*service)
		service_free(*service);
	*service = NULL;
	if (!failed)
		return EXIT_SUCCESS;
	return failure->kind == ERR_INPUT ? SERVICE_EXIT_CONFIG : EXIT_FAILURE;
}

const struct kafka_config *service_kafka(const struct service *s)
{
	return settings_kafka(s->settings);
}

const struct topic_names *service_topics(const struct service *s)
{
	return &s->topics;
}

static void reload(struct service *s)
{
	enum reload_result result = RELOAD_FAILED;
	struct buf need_restart = BUF_INIT;
	struct err err;

	if (settings_reload(s->settings, &need_restart, &err) < 0) {
		log_error("configuration not reloaded", LOG_ERR(&err));
		goto out;
	}
	result = need_restart.n > 0 ? RELOAD_PARTIAL : RELOAD_APPLIED;
	log_set_level(settings_log_level(s->settings));
	if (need_restart.n > 0)
		log_warn("configuration needs a restart", LOG_STR("keys", buf_str(&need_restart)));
	if (s->spec.reloaded)
		s->spec.reloaded(s->spec.ctx);
	log_info("configuration reloaded");
out:
	metric_add(METRIC_CELL(s->reloads, reload_words[result]), 1);
	buf_fini(&need_restart);
}

static void signal_handle(struct service *s, uint32_t signo)
{
	if (signo == SIGHUP) {
		reload(s);
		return;
	}
	if (!atomic_exchange(&s->stopping, true))
		log_info("service draining", LOG_S("signal", signo == SIGTERM ? "SIGTERM" : "SIGINT"));
}

bool service_stopping(struct service *s)
{
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof(info)) == sizeof(info))
		signal_handle(s, info.ssi_signo);
	return atomic_load(&s->stopping);
}

int service_signal_fd(const struct service *s)
{
	return s->signal_fd;
}

void service_alive(struct service *s)
{
	atomic_store_explicit(&s->alive_mono_ms, clock_mono_ms(), memory_order_relaxed);
}

bool service_is_alive(const struct service *s, struct buf *why_not)
{
	int64_t idle_ms = clock_mono_ms() - atomic_load_explicit(&s->alive_mono_ms, memory_order_relaxed);

	if (idle_ms <= s->live_timeout_ms)
		return true;
	buf_printf(why_not, "the loop has not turned for %lld ms\n", (long long)idle_ms);
	return false;
}

struct service_condition *service_condition(struct service *s, const char *name)
{
	return readiness_add(s->readiness, name);
}

bool service_is_ready(const struct service *s, struct buf *why_not)
{
	bool ready = readiness_check(s->readiness, why_not);

	if (!atomic_load(&s->stopping))
		return ready;
	if (why_not)
		buf_printf(why_not, "draining\n");
	return false;
}

void service_write_metrics(const struct service *s, struct buf *out)
{
	metric_set(s->ready, service_is_ready(s, NULL));
	process_write_metrics(s->spec.name, s->started_ms, out);
	metrics_write(out);
}
