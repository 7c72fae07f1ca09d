/* The table of routes (README.md, Routes). Pure. */
#ifndef INGEST_ROUTES_H
#define INGEST_ROUTES_H

#include "ingest/auth.h"
#include "ingest/dialects/intake.h"

enum route_id {
	ROUTE_WEBHOOK,
	ROUTE_OLD_WEBHOOK,
	ROUTE_SYNC,
	ROUTE_OLD_SYNC,
	ROUTE_META,
	ROUTE_WAHA,
	ROUTE_EVOLUTION,
	ROUTE_WWEBJS,
	ROUTE_WWEBJS_ANY,
	ROUTES
};

/* How a request names its account. */
enum route_subject {
	SUBJECT_SESSION, /* the body names it */
	SUBJECT_ACCOUNT, /* the URL names it */
	SUBJECT_APP,     /* the URL names a Meta app, the body its numbers */
};

struct route {
	enum route_id id;
	const char *name;    /* in metrics and logs */
	const char *dialect; /* in metrics */
	const char *path;    /* the whole path; for SUBJECT_ACCOUNT and SUBJECT_APP the part before the UUID */
	enum route_subject subject;
	enum auth_scheme auth;
	size_t max_body_bytes;
	/* The members of the body that name the session, in order of precedence; NULL: none. */
	const char *session[2];
	unsigned bridge_kinds; /* 1 << enum bridge_kind: the bridges whose accounts may post here */
	int (*read)(struct intake *in, const json *body, struct err *err);
};
extern const struct route routes[ROUTES];

/* NULL: 404. target: the UUID that ends the path, else nil. */
const struct route *route_find(struct str path, struct uuid *target);
bool route_allows(const struct route *r, struct str method);
const char *route_allow(const struct route *r); /* the Allow header of a 405 */
/* application/json and application/<any>+json, with any parameters. An absent type counts as JSON, since some bridges
 * omit it and signatures cover the bytes anyway. */
bool content_type_fits(struct str content_type);

#endif
