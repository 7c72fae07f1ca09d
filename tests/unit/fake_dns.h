/* Replaces getaddrinfo() of the program and its libraries: names in the test's table get the table's addresses, all others go to libc.
 * Included by one file of a program. */
#ifndef TESTS_UNIT_FAKE_DNS_H
#define TESTS_UNIT_FAKE_DNS_H

#include <dlfcn.h>
#include <netdb.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

struct fake_name {
	const char *name;
	const char *addresses[3];
	const char *then[2]; /* from the second lookup on, when there is one */
	int wait_fd; /* not 0: the answer is delayed until the other end of this pipe is closed */
	int lookups;
};
static struct fake_name *fake_names; /* set by the test; ends with an entry without a name */

static int real_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **out)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	return real(name, service, hints, out);
}

static int fake_addresses(const char *const *addresses, size_t n, const char *service, const struct addrinfo *hints,
	struct addrinfo **out)
{
	struct addrinfo numeric = hints ? *hints : (struct addrinfo){ 0 };
	struct addrinfo **end = out;

	*out = NULL;
	numeric.ai_flags = AI_NUMERICHOST;
	for (size_t i = 0; i < n && addresses[i]; i++) {
		if (real_getaddrinfo(addresses[i], service, &numeric, end) != 0)
			*end = NULL; /* the family was not requested */
		while (*end)
			end = &(*end)->ai_next;
	}
	return *out ? 0 : EAI_NONAME;
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *req, struct addrinfo **pai)
{
	char byte;

	for (struct fake_name *f = fake_names; name && f && f->name && !(req && req->ai_flags & AI_NUMERICHOST); f++) {
		if (strcmp(f->name, name) != 0)
			continue;
		if (f->wait_fd)
			while (read(f->wait_fd, &byte, 1) > 0)
				continue;
		if (__atomic_fetch_add(&f->lookups, 1, __ATOMIC_RELAXED) > 0 && f->then[0])
			return fake_addresses(f->then, 2, service, req, pai);
		return fake_addresses(f->addresses, 3, service, req, pai);
	}
	return real_getaddrinfo(name, service, req, pai);
}

#endif
