/* Which connections are closed when there are too many: those above the limit of their address and, when free
 * connections run short, the oldest idle one, else the one whose body has been arriving for the longest.
 *
 * libmicrohttpd accepts only below its limit, so the last sixteenth of it is kept free for new connections. Invariant:
 * `addresses` has an entry for an address exactly while counted connections of that address are open.
 */
#include "http/server_private.h"

#include <arpa/inet.h>
#include <string.h>

#define RESERVE_PART 16

static void peer_read(const struct sockaddr *a, struct peer_key *key, char text[static INET6_ADDRSTRLEN])
{
	static const unsigned char v4_mapped[12] = { [10] = 0xff, [11] = 0xff };
	struct sockaddr_in6 v6;
	struct sockaddr_in v4;

	*key = (struct peer_key){ .n = 0 };
	text[0] = '\0';
	if (a->sa_family == AF_INET) {
		memcpy(&v4, a, sizeof(v4));
	} else if (a->sa_family == AF_INET6) {
		memcpy(&v6, a, sizeof(v6));
		if (memcmp(&v6.sin6_addr, v4_mapped, sizeof(v4_mapped)) != 0) {
			key->n = 8;
			memcpy(key->bytes, &v6.sin6_addr, key->n);
			inet_ntop(AF_INET6, &v6.sin6_addr, text, INET6_ADDRSTRLEN);
			return;
		}
		memcpy(&v4.sin_addr, &v6.sin6_addr.s6_addr[12], sizeof(v4.sin_addr));
	} else {
		return;
	}
	key->n = 4;
	memcpy(key->bytes, &v4.sin_addr, key->n);
	inet_ntop(AF_INET, &v4.sin_addr, text, INET6_ADDRSTRLEN);
}

static struct str key_str(const struct peer_key *key)
{
	return (struct str){ (const char *)key->bytes, key->n };
}

static bool is_limited(const struct http_server *s, const char *peer)
{
	const struct http_server_options *o = &s->options;

	return o->max_connections_per_address > 0 && !(o->exempt && o->exempt(o->ctx, str_of(peer)));
}

enum MHD_Result room_accept(void *server, const struct sockaddr *address, socklen_t n)
{
	struct http_server *s = server;
	char peer[INET6_ADDRSTRLEN];
	struct peer_key key;

	(void)n;
	peer_read(address, &key, peer);
	if (!is_limited(s, peer) ||
		(uintptr_t)map_get(s->addresses, key_str(&key)) < (uintptr_t)s->options.max_connections_per_address)
		return MHD_YES;
	s->closed.address++;
	return MHD_NO;
}

/* When the connection entered its phase, monotonic ms. */
static int64_t phase_since(const struct http_request *r)
{
	return r->deadline_mono_ms - phase_timeout_ms(r->server, r->phase);
}

/* The oldest connection in a phase is at the head of its list. NULL: none, or it is `except`. */
static struct http_request *phase_oldest(struct http_server *s, enum http_phase phase,
	const struct http_request *except)
{
	struct http_request *r = TAILQ_FIRST(&s->phases[phase]);

	return r == except ? NULL : r;
}

static struct http_request *idle_oldest(struct http_server *s, const struct http_request *except)
{
	struct http_request *header = phase_oldest(s, PHASE_HEADER, except),
			    *idle = phase_oldest(s, PHASE_IDLE, except);

	if (!header || !idle)
		return header ? header : idle;
	return phase_since(header) <= phase_since(idle) ? header : idle;
}

static void close_idle(struct http_request *r)
{
	r->server->closed.idle++;
	request_close(r);
}

static void close_slow(struct http_request *r)
{
	r->server->closed.slow++;
	request_close(r);
}

static void room_make(struct http_server *s, const struct http_request *newest)
{
	size_t open = http_server_connections(s) - s->closing, max = (size_t)s->options.max_connections;
	struct http_request *r;

	if (max < RESERVE_PART || open <= max - max / RESERVE_PART)
		return;
	if ((r = idle_oldest(s, newest)))
		close_idle(r);
	else if ((r = phase_oldest(s, PHASE_BODY, newest)))
		close_slow(r);
}

bool http_server_shed(struct http_server *s, const struct http_request *r)
{
	struct http_request *oldest = TAILQ_FIRST(&s->phases[PHASE_BODY]);

	while (oldest && oldest->answered) /* the rest of its body is dropped and takes no memory */
		oldest = TAILQ_NEXT(oldest, link);
	if (!oldest || oldest == r)
		return false;
	close_slow(oldest);
	return true;
}

void room_enter(struct http_request *r)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	void **count;

	if (info && info->client_addr)
		peer_read(info->client_addr, &r->key, r->peer);
	r->counted = is_limited(r->server, r->peer);
	if (r->counted) {
		count = map_slot(r->server->addresses, key_str(&r->key));
		*count = (void *)((uintptr_t)*count + 1);
	}
	room_make(r->server, r);
}

void room_leave(struct http_request *r)
{
	void **count;

	if (!r->counted)
		return;
	count = map_slot(r->server->addresses, key_str(&r->key));
	*count = (void *)((uintptr_t)*count - 1);
	if (!*count)
		map_del(r->server->addresses, key_str(&r->key));
}

struct http_server_closed http_server_closed(const struct http_server *s)
{
	return s->closed;
}
