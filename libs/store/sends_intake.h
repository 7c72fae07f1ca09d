/* Intake of single messages, and their order; see sends.h. */
#ifndef STORE_SENDS_INTAKE_H
#define STORE_SENDS_INTAKE_H

#include "store/sends.h"

struct send_new {
	int64_t workspace_id;
	struct uuid request;
	enum send_kind kind;
	int64_t contact_id; /* 0: none */
	struct str address;
	int64_t account_id; /* whose lane sends it; 0 only when it has failed already */
	enum send_status status; /* PENDING or FAILED */
	struct str error_code, error_message;
	int64_t deadline_us;
	struct str content; /* bytes; absent when it has failed */
	int64_t id; /* out; 0 when not inserted */
	bool inserted; /* out: false when the workspace has used this request id before */
};
/* Inserts rows in their order. The lanes of their accounts are locked first (store_send_lanes_lock()): otherwise the
 * lane could end the message that a new row waits for without seeing that row. */
int store_sends_insert(struct pg *pg, struct send_new *rows, size_t n, struct err *err) ERR_MUST_USE;

struct send_key {
	int64_t workspace_id, account_id;
	struct str address;
};
/* Started only (pg_start). Where all pending messages to an address wait, makes the oldest due now. For the addresses of
 * single messages that have ended or moved to another account, under the locks of their lanes. Behind 100 older ones that have moved in from
 * other accounts a message that is due is not seen. */
int store_sends_release(struct pg *pg, const struct send_key *keys, size_t n, struct err *err) ERR_MUST_USE;

struct send_lane_id {
	int64_t workspace_id, account_id;
};
/* Started only. As store_sends_release(), for the addresses of the `limit` oldest messages that wait in each of
 * these lanes: after acquiring a lane, and now and then, since a status may have ended the message before them. */
int store_sends_release_lanes(struct pg *pg, const struct send_lane_id *lanes, size_t n, int limit,
	struct err *err) ERR_MUST_USE;
/* Started only. Tells the lanes of these accounts, on whatever replica they are, that a row is due: notifies
 * "due:<account>" on blazz_sending when the transaction commits. */
int store_sends_notify(struct pg *pg, const struct uuid *accounts, size_t n, struct err *err) ERR_MUST_USE;

#endif
