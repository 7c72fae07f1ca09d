/* What several files of sending share. Private to libs/store. */
#ifndef STORE_SENDING_PRIVATE_H
#define STORE_SENDING_PRIVATE_H

#define PORTFOLIO_PER_DAY_MAX 1000000000

/* The limit of a business portfolio in a workspace's settings.sending; 0: none, or of another type. */
#define PORTFOLIO_PER_DAY(sending) \
	"CASE WHEN jsonb_typeof(" sending " -> 'portfolio_per_day') = 'number'" \
	" THEN least(greatest(trunc((" sending \
	" ->> 'portfolio_per_day')::numeric), 0), 1000000000)::bigint ELSE 0 END"

#endif
