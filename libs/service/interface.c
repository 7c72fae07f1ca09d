/* This machine's addresses; see interface.h. */
#include "service/interface.h"

#include <errno.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "http/networks.h"

static bool address_text(const struct sockaddr *address, char out[static NI_MAXHOST])
{
	socklen_t n = address && address->sa_family == AF_INET ? sizeof(struct sockaddr_in)
		: address && address->sa_family == AF_INET6    ? sizeof(struct sockaddr_in6)
							       : 0;

	return n > 0 && getnameinfo(address, n, out, NI_MAXHOST, NULL, 0, NI_NUMERICHOST) == 0;
}

static bool address_find(const struct networks *networks, char out[static NI_MAXHOST])
{
	struct ifaddrs *all = NULL;
	bool found = false;

	if (getifaddrs(&all) < 0)
		return false;
	for (const struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
		uint8_t bytes[IP_BYTES];

		found = address_text(i->ifa_addr, out) && ip_parse(str_of(out), bytes) &&
			networks_have(networks, bytes);
	}
	freeifaddrs(all);
	return found;
}

static int network_listen(struct str network, struct str port, struct buf *out, struct err *err)
{
	struct networks *networks = networks_new();
	char address[NI_MAXHOST];
	int rc = networks_add(networks, network, err);

	if (rc == 0 && !address_find(networks, address))
		rc = err_set(err, ERR_FATAL, "listen", "this machine has no address in %.*s", STR_ARG(network));
	if (rc == 0)
		buf_printf(out, strchr(address, ':') ? "[%s]:%.*s" : "%s:%.*s", address, STR_ARG(port));
	networks_free(networks);
	return rc;
}

int interface_listen(const char *listen, struct buf *out, struct err *err)
{
	const char *colon = strrchr(listen, ':');
	struct str network = { listen, colon ? (size_t)(colon - listen) : 0 };
	int rc = 0;

	if (!memchr(network.n ? network.p : "", '/', network.n))
		buf_printf(out, "%s", listen);
	else
		rc = network_listen(network, str_of(colon + 1), out, err);
	buf_add_char(out, '\0');
	return rc;
}
