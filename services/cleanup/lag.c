/* See lag.h. */
#include "cleanup/lag.h"

#include <stdlib.h>

#include "base/arena.h"
#include "store/progress.h"

#define LAG_MAX 10000 /* records */

int chat_sync_lag(void *ctx, struct pg *pg, bool *lags, struct err *err)
{
	struct kafka_ends *ends = ctx;
	struct progress_info *rows = NULL;
	struct kafka_place *places;
	size_t n, n_places = 0;

	*lags = kafka_ends_behind(ends) > LAG_MAX;
	if (store_progress_list(pg, "chat-sync", &rows, &n, err) < 0)
		return -1;
	places = mem_calloc(n > 0 ? n : 1, sizeof(*places));
	for (size_t i = 0; i < n; i++)
		if (rows[i].next_offset != PROGRESS_NO_OFFSET)
			places[n_places++] =
				(struct kafka_place){ rows[i].topic, rows[i].partition, rows[i].next_offset };
	kafka_ends_ask(ends, places, n_places);
	free(places);
	free(rows);
	return 0;
}
