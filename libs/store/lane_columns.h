/* What statements say of an account a and its lane l. Private to libs/store. campaign-sender decides the same in C, in its
 * cache of accounts. */
#ifndef STORE_LANE_COLUMNS_H
#define STORE_LANE_COLUMNS_H

/* A bridge reports its sessions. Meta's accounts have no session: a report says that Meta rejects the account, and counts until
 * the account is requested again. */
#define LANE_ACCOUNT_CONNECTED \
	"(a.desired_state = 'connected' AND CASE a.provider_type WHEN 'webjs' THEN a.status = 'connected' ELSE a.status_at IS NULL" \
	" OR a.status = 'connected' OR a.desired_at > a.status_at END)"

/* A hold is over when its time has passed, or the account was asked for again since. */
#define LANE_HELD "coalesce(l.held_until > now() AND NOT coalesce(a.desired_at > l.held_at, false), false)"

#endif
