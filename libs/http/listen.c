/* Listening sockets. libmicrohttpd does not open the socket itself, because it would neither fall back to IPv4 nor
 * report why it failed.
 */
#include "http/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"

#define LISTEN_BACKLOG 1024

/* Splits at the last colon and removes brackets around an IPv6 address. */
static bool text_split(const char *text, char host[static 256], char port[static 8])
{
	const char *colon = strrchr(text, ':');
	struct str h, p;
	int64_t number;

	if (!colon)
		return false;
	h = (struct str){ text, (size_t)(colon - text) };
	p = str_of(colon + 1);
	if (h.n >= 2 && h.p[0] == '[' && h.p[h.n - 1] == ']')
		h = str_slice(h, 1, h.n - 1);
	else if (memchr(h.p, ':', h.n))
		return false;
	if (h.n > 255 || !str_all_digits(p) || p.n > 5 || !str_to_i64(p, &number) || number > 65535)
		return false;
	memcpy(host, h.p, h.n);
	host[h.n] = '\0';
	memcpy(port, p.p, p.n + 1);
	return true;
}

static bool socket_setup(int fd, const struct addrinfo *a, bool dual)
{
	const int on = 1, v6only = !dual;

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return false;
	if (a->ai_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof(v6only)) < 0)
		return false;
	return bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0;
}

/* The socket, or -1 with errno set. */
static int socket_open(const struct addrinfo *a, bool dual)
{
	int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
	int saved;

	if (fd < 0 || socket_setup(fd, a, dual))
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int open_first(const struct addrinfo *list, int family, bool dual)
{
	for (const struct addrinfo *a = list; a; a = a->ai_next) {
		int fd = family == AF_UNSPEC || a->ai_family == family ? socket_open(a, dual) : -1;

		if (fd >= 0)
			return fd;
	}
	return -1;
}

static int socket_port(int fd)
{
	struct sockaddr_storage at = { 0 };
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
	socklen_t n = sizeof(at);

	if (getsockname(fd, (struct sockaddr *)&at, &n) < 0)
		return 0;
	memcpy(&v4, &at, sizeof(v4));
	memcpy(&v6, &at, sizeof(v6));
	return ntohs(at.ss_family == AF_INET6 ? v6.sin6_port : v4.sin_port);
}

int listen_open(const char *text, int *fd, int *port, struct err *err)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	char host[256], service[8];
	struct addrinfo *list;
	int rc, s;

	if (!text_split(text, host, service))
		return err_set(err, ERR_INPUT, "listen", "'%s' is not an address and a port such as 127.0.0.1:8080",
			text);
	rc = getaddrinfo(*host ? host : NULL, service, &hints, &list);
	if (rc != 0)
		return err_set(err, ERR_INPUT, "listen", "'%s': %s", text, gai_strerror(rc));
	errno = EADDRNOTAVAIL;
	s = *host ? open_first(list, AF_UNSPEC, false) : open_first(list, AF_INET6, true);
	if (s < 0 && !*host)
		s = open_first(list, AF_INET, false);
	freeaddrinfo(list);
	if (s < 0)
		return err_set(err, ERR_FATAL, "listen", "cannot listen on '%s': %s", text, strerror(errno));
	*fd = s;
	*port = socket_port(s);
	return 0;
}
