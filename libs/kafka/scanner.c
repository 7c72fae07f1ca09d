/* The scanner. Each partition that is started has a queue of its own, made with the start and gone with the stop: what an earlier start
 * fetched goes with its queue.
 *
 * Invariant: nobody waits. librdkafka stops a partition on its own thread; rd_kafka_consume_stop() waits for that thread only.
 */
#include "kafka/scanner.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "kafka/client.h"
#include "kafka/errors.h"
#include "kafka/message.h"
