/* Waiting for one connection's socket without neglecting the rest of the process.
 *
 * Invariant: a wait that is longer than a moment runs the owner's idle function once, while the server works, and then
 * every 100 ms; and no wait passes its deadline, however often the socket becomes ready. Work of some milliseconds in
 * the idle function (decoding the next batch) would delay a BEGIN; while the server executes an INSERT it costs
 * nothing. */
#include <errno.h>
#include <openssl/ssl.h>
#include <poll.h>

#include "base/clock.h"
#include "pg/private.h"

#define SLICE_MS  100
#define MOMENT_MS 1

struct pg_wait pg_wait_start(int timeout_ms)
{
	int64_t now = clock_mono_ms();

	return (struct pg_wait){
		.deadline_ms = now + timeout_ms, .idle_ms = now + MOMENT_MS, .timeout_ms = timeout_ms
	};
}

static int idle_run(const struct pg *pg, struct pg_wait *w, struct err *err)
{
	if (pg->idle && pg->idle(pg->idle_ctx) != 0)
		return err_set(err, ERR_RETRY, "abandoned", "the wait for PostgreSQL was abandoned");
	w->idle_ms = clock_mono_ms() + SLICE_MS;
	return 0;
}

static int slice_ms(const struct pg_wait *w, int64_t now)
{
	int64_t end = w->idle_ms < w->deadline_ms ? w->idle_ms : w->deadline_ms;

	return end > now ? (int)(end - now) : 0;
}

/* poll(2) does not see bytes that OpenSSL has already read and decrypted. PostgreSQL's own TLS records fit into libpq's
 * buffer; those of a proxy in between may not ("Process buffered SSL read bytes", pgsql-hackers, 2024). */
static bool tls_pending(PGconn *conn)
{
	SSL *tls = PQsslStruct(conn, "OpenSSL");

	return tls && SSL_pending(tls) > 0;
}

/* As poll(2): 0 when the socket did not become ready in time. */
static int socket_poll(const struct pg *pg, int fd, short events, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = events };

	return pg->wait ? pg->wait(pg->wait_ctx, fd, events & POLLOUT, timeout_ms) : poll(&p, 1, timeout_ms);
}

int pg_wait_socket(const struct pg *pg, struct pg_wait *w, short events, struct err *err)
{
	int fd = PQsocket(pg->conn);

	if (fd < 0)
		return pg_lost(pg, err);
	if (tls_pending(pg->conn))
		return 0;
	for (;;) {
		int64_t now = clock_mono_ms();
		int ready;

		if (now >= w->deadline_ms)
			return err_set(err, ERR_RETRY, "timeout", "no answer within %d ms", w->timeout_ms);
		if (now >= w->idle_ms && idle_run(pg, w, err) < 0)
			return -1;
		/* Also when idle used up the whole slice: an answer that has arrived meanwhile counts. */
		ready = socket_poll(pg, fd, events, slice_ms(w, clock_mono_ms()));
		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return err_set(err, ERR_RETRY, "lost", "poll: %s", strerror(errno));
	}
}
