/* Structured logging: one line per event, logfmt or JSON, on standard error.
 *
 * Fields are typed name-value pairs, values are escaped, and nothing is interpolated into the message: the message
 * names the event ("batch committed"), the fields carry the data. Never log a secret, message text or a full phone
 * number; LOG_PHONE keeps only the last three digits.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"
#include "base/str.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_LOGFMT, LOG_JSON };

enum log_type { LOG_END, LOG_T_STR, LOG_T_I64, LOG_T_F64, LOG_T_PHONE };

struct log_field {
	const char *name;
	enum log_type type;
	struct str s;
	int64_t i;
	double f;
};

#define LOG_S(k, v)     ((struct log_field){ (k), LOG_T_STR, str_of(v), 0, 0 })
#define LOG_STR(k, v)   ((struct log_field){ (k), LOG_T_STR, (v), 0, 0 })
#define LOG_I(k, v)     ((struct log_field){ (k), LOG_T_I64, STR_NONE, (int64_t)(v), 0 })
#define LOG_F(k, v)     ((struct log_field){ (k), LOG_T_F64, STR_NONE, 0, (v) })
#define LOG_PHONE(k, v) ((struct log_field){ (k), LOG_T_PHONE, (v), 0, 0 })
/* An error as three fields: message, kind and code. */
#define LOG_ERR(e) \
	LOG_S("error", (e)->msg), LOG_S("error_kind", err_kind_name((e)->kind)), LOG_S("error_code", (e)->code)

void log_init(const char *service, enum log_level level, enum log_format format);
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);
bool log_level_parse(struct str word, enum log_level *out);
bool log_format_parse(struct str word, enum log_format *out);

void log_write(enum log_level level, const char *event, const struct log_field *fields);

/* log_info("batch committed", LOG_I("events", n), LOG_S("topic", t)); or log_info("ready"). */
#define LOG_LAST ((struct log_field){ NULL, LOG_END, { NULL, 0 }, 0, 0 })
#define LOG_AT(level, event, ...) \
	do { \
		if (log_enabled(level)) \
			log_write((level), (event), (const struct log_field[]){ __VA_ARGS__ }); \
	} while (0)
#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__, LOG_LAST)
#define log_info(...)  LOG_AT(LOG_INFO, __VA_ARGS__, LOG_LAST)
#define log_warn(...)  LOG_AT(LOG_WARN, __VA_ARGS__, LOG_LAST)
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__, LOG_LAST)

#endif
