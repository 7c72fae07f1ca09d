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

/* Messages outside service windows that Meta allows the account's portfolio in 24 hours, as its latest
 * business_capability_update says ("TIER_2K", a number; -1 and "TIER_UNLIMITED": no limit), else as workspace w has set; 0: no
 * limit is known. store_sending_accounts() decides the same. Source: Meta, webhooks reference, business_capability_update. */
#define CAPABILITY_OF(member) "a.notices #>> '{business_capability_update,extra," #member "}'"
#define PORTFOLIO_LIMIT \
	"(SELECT CASE WHEN p.cap IN ('-1', 'UNLIMITED', 'TIER_UNLIMITED') THEN 0 WHEN p.cap ~ '^(TIER_)?[0-9]{1,9}K?$'" \
	" THEN regexp_replace(p.cap, '[^0-9]', '', 'g')::bigint * CASE WHEN p.cap LIKE '%K' THEN 1000 ELSE 1 END" \
	" WHEN p.per_day ~ '^[0-9]{1,9}$' THEN p.per_day::bigint ELSE 0 END FROM (SELECT coalesce(" CAPABILITY_OF( \
		max_daily_conversations_per_business) ", " CAPABILITY_OF(max_daily_conversation_per_phone) ") AS cap, w.settings #>> '{sending,portfolio_per_day}' AS per_day) AS p)"

#endif
