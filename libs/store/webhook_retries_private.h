/* What the statements of the retry queue share. Only webhook_retries*.c include it. */
#ifndef STORE_WEBHOOK_RETRIES_PRIVATE_H
#define STORE_WEBHOOK_RETRIES_PRIVATE_H

/* q and w are the table's names in a statement. */

#define Q_UNFINISHED "q.status IN ('pending', 'retrying')"
#define W_UNFINISHED "w.status IN ('pending', 'retrying')"
#define DUE_IN       "CASE WHEN r.delay_ms < 0 THEN 'infinity' ELSE now() + r.delay_ms * interval '1 millisecond' END"

#endif
