/* Rows that are of no use any more, which are deleted, and rows that should not be, which are only counted. Role blazz_cleanup.
 *
 * A deletion repeats its condition: a row that another program has renewed meanwhile stays. */
#ifndef STORE_CLEANUP_ORPHANS_H
#define STORE_CLEANUP_ORPHANS_H

#include "pg/pg.h"
#include "store/cleanup_page.h"

/* What a page has: rows that are to be deleted, and those that were. With `dry` none is. */
struct page_deletion {
	bool dry;
	int64_t found, deleted;
	bool again; /* there was more to delete than the page's limit: the same page is to be read again */
};
/* QR codes that have expired; pages by account. */
int store_orphans_qr(struct pg *pg, struct key_page *page, struct page_deletion *d, struct err *err) ERR_MUST_USE;
/* Batches of syncs 30 days after their end; pages by account. */
int store_orphans_syncs(struct pg *pg, struct key_page *page, struct page_deletion *d, struct err *err) ERR_MUST_USE;
/* Entries of session_cleanup_logs a year after they were written. */
int store_orphans_logs(struct pg *pg, struct key_page *page, struct page_deletion *d, struct err *err) ERR_MUST_USE;

/* Rows of a page that should not be: how many, and the first; an example is nil when there is none. */
struct page_report {
	int64_t found;
	struct uuid workspace, example;
};
/* Contacts that still say something of a person, but that no alias and no conversation leads to. */
int store_orphans_contacts(struct pg *pg, struct key_page *page, struct page_report *r, struct err *err) ERR_MUST_USE;
/* Conversations whose last message does not exist, of workspaces that keep their messages. */
int store_orphans_last_messages(struct pg *pg, struct key_page *page, struct page_report *r,
	struct err *err) ERR_MUST_USE;

/* A slot of the outbox with records older than 10 minutes, or a partition whose consumer has written nothing for 30 days. Strings live during each(). */
struct orphan_report {
	struct str program, topic; /* producer or consumer */
	int32_t partition; /* or slot */
	int64_t records; /* of the outbox; 0 of a partition */
	int64_t since_us;
};
int store_orphans_outbox(struct pg *pg, void (*each)(void *ctx, const struct orphan_report *r), void *ctx,
	struct err *err) ERR_MUST_USE;
int store_orphans_progress(struct pg *pg, void (*each)(void *ctx, const struct orphan_report *r), void *ctx,
	struct err *err) ERR_MUST_USE;

#endif
