/* The manifests of a folder of backups: which keys the sealed values of each backup need. A manifest is a *.json beside the *.dump.age
 * that it describes, with a member "key_ids", a list of {"id": …, "sha256": …}. */
#ifndef MANIFESTS_H
#define MANIFESTS_H

#include "base/err.h"
#include "base/str.h"

#define MANIFEST_MAX_BYTES (1 << 20)

struct manifests_found {
	size_t backups; /* manifests read */
	size_t needing; /* of these, how many name the key */
	char first[256]; /* the name of the first of them in the order of names */
};

/* Adds what is in the folder to *out. ERR_INPUT when a manifest cannot be read, when anything named like a dump has none (it may be
 * under way, or a part of one), or when there is no backup at all: what is not known to be free of the key may need it. */
int manifests_find(const char *folder, struct str key_id, struct manifests_found *out, struct err *err) ERR_MUST_USE;

#endif
