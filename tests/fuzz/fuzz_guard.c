/* URLs as tenants give them. An accepted URL is https of at most 2,000 bytes, and its host, as libcurl parses it, is a name or a public
 * address; a guard that allows more accepts it, too.
 */
#include "http/guard.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "input.h"

static bool is_public_v4(uint32_t a)
{
	return a >> 24 != 0 && a >> 24 != 10 && a >> 24 != 127 && a >> 16 != 0xa9fe && a >> 16 != 0xc0a8 &&
		a >> 20 != 0xac1 && a >> 22 != 0x191 && a >> 28 < 0xe;
}

/* Of a literal address; a name is fine. */
static bool is_public(char *host)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (host[0] == '[') {
		host[strlen(host) - 1] = '\0';
		if (inet_pton(AF_INET6, host + 1, &v6) != 1)
			return false;
		return IN6_IS_ADDR_V4MAPPED(&v6) ? is_public_v4(ntohl(v6.s6_addr32[3])) : v6.s6_addr[0] >> 5 == 1;
	}
	return inet_aton(host, &v4) == 0 || is_public_v4(ntohl(v4.s_addr));
}

static void accepted_check(struct str text)
{
	char *copy = mem_cstr(text), *host = NULL;
	CURLU *url = curl_url();

	assert(text.n <= GUARD_URL_BYTES && strlen(copy) == text.n && strncasecmp(copy, "https:", 6) == 0);
	assert(curl_url_set(url, CURLUPART_URL, copy, 0) == CURLUE_OK);
	assert(curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK);
	assert(is_public(host));
	curl_free(host);
	curl_url_cleanup(url);
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char loopback[] = "127.0.0.0/8", unique[] = "fd00::/8";
	char *networks[] = { loopback, unique, NULL };
	struct str url = input_of(data, size);
	struct guard *strict, *open;
	int made = guard_new(&strict, NULL, false, NULL) | guard_new(&open, networks, true, NULL);

	assert(made == 0);
	if (guard_check_url(strict, url, NULL) == 0) {
		accepted_check(url);
		assert(guard_check_url(open, url, NULL) == 0);
	}
	guard_free(strict);
	guard_free(open);
	return 0;
}
