/* The five dialects: Meta, whatsapp-web.js, WAHA, Evolution API, Blazz's bridge contract (README.md).
 *
 * Each reads a parsed body and fills the intake. -1 with ERR_INPUT rejects the body as a whole: it is too large
 * (in->too_large), no item is acceptable (in->rejected is not empty; code "422"), or its structure is wrong (code
 * "400"). Unknown content becomes an `unknown` message or is counted as ignored; it is never dropped silently.
 */
#ifndef INGEST_DIALECTS_H
#define INGEST_DIALECTS_H

#include "ingest/dialects/intake.h"

int bridge_read_webhook(struct intake *in, const json *body, struct err *err) ERR_MUST_USE;
int bridge_read_sync(struct intake *in, const json *body, struct err *err) ERR_MUST_USE;

/* The ids that the caller must look up before meta_read(): phone_number_ids, and WABA ids of account-level changes. */
struct meta_references {
	struct str *phone_number_ids, *waba_ids;
	size_t n_phone_number_ids, n_waba_ids;
};
int meta_references(struct meta_references *out, const json *body, struct arena *a, struct err *err) ERR_MUST_USE;
int meta_read(struct intake *in, const json *body, struct err *err) ERR_MUST_USE;

int wwebjs_read(struct intake *in, const json *body, struct err *err) ERR_MUST_USE;
int waha_read(struct intake *in, const json *body, struct err *err) ERR_MUST_USE;
int evolution_read(struct intake *in, const json *body, struct err *err) ERR_MUST_USE;

#endif
