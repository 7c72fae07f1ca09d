/* librdkafka's codes and Kafka's own (negative and positive numbers of one enum) mapped to err kinds, once.
 *
 * Only errors that certainly do not pass by themselves are listed: INPUT when the record or the request is invalid,
 * CONFLICT when Kafka's state differs from what the caller assumed, BUSY when the local queue is full or was purged by
 * Blazz, FATAL when only a restart helps (a process reads its permissions at start, and operators notice its exit). A
 * missing topic is RETRY: it may be created any moment, and the records that wait for it are valid.
 */
#include "kafka/errors.h"

#include <stddef.h>

static const struct {
	rd_kafka_resp_err_t code;
	enum err_kind kind;
} kinds[] = {
	{ RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ERR_INPUT },
	{ RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, ERR_INPUT },
	{ RD_KAFKA_RESP_ERR_INVALID_RECORD, ERR_INPUT },
	{ RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION, ERR_INPUT }, /* invalid topic name */
	{ RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, ERR_INPUT },
	{ RD_KAFKA_RESP_ERR_INVALID_CONFIG, ERR_INPUT },
	{ RD_KAFKA_RESP_ERR_POLICY_VIOLATION, ERR_INPUT },
	{ RD_KAFKA_RESP_ERR__INVALID_ARG, ERR_INPUT },
	{ RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, ERR_CONFLICT },
	{ RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE, ERR_CONFLICT },
	{ RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, ERR_CONFLICT },
	{ RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST, ERR_CONFLICT },
	{ RD_KAFKA_RESP_ERR__CONFLICT, ERR_CONFLICT },
	{ RD_KAFKA_RESP_ERR__QUEUE_FULL, ERR_BUSY },
	{ RD_KAFKA_RESP_ERR__PURGE_QUEUE, ERR_BUSY },
	{ RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, ERR_BUSY },
	{ RD_KAFKA_RESP_ERR__FATAL, ERR_FATAL },
	{ RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, ERR_FATAL },
	{ RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED, ERR_FATAL },
	{ RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, ERR_FATAL },
	{ RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, ERR_FATAL },
	{ RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ERR_FATAL },
	{ RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, ERR_FATAL },
	{ RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, ERR_FATAL },
	{ RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, ERR_FATAL },
	{ RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL, ERR_FATAL },
	{ RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT, ERR_FATAL },
};

enum err_kind kafka_err_kind(rd_kafka_resp_err_t code)
{
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return ERR_NONE;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].code == code)
			return kinds[i].kind;
	return ERR_RETRY;
}

int kafka_err_set(struct err *err, rd_kafka_resp_err_t code, const char *what, const char *description)
{
	return err_set(err, kafka_err_kind(code), rd_kafka_err2name(code), "%s: %s", what,
		description ? description : rd_kafka_err2str(code));
}
