/* When a service is ready: all of its conditions hold, and it has some. */
#include "unit.h"

#include "service/readiness.h"

static void assert_ready(struct readiness *r, bool want_ready, const char *want_reasons)
{
	struct buf out = BUF_INIT;

	assert_int_equal(readiness_check(r, &out), want_ready);
	if (!str_is(buf_str(&out), want_reasons))
		fail_msg("\"%.*s\"", STR_ARG(buf_str(&out)));
	assert_int_equal(readiness_check(r, NULL), want_ready);
	buf_fini(&out);
}

static void a_service_is_not_ready_before_it_has_conditions(void **state)
{
	struct readiness *r = readiness_new();
	struct service_condition *kafka, *postgres;

	(void)state;
	assert_ready(r, false, "service: starting\n");
	kafka = readiness_add(r, "kafka");
	postgres = readiness_add(r, "postgres");
	assert_ready(r, false, "kafka: starting\npostgres: starting\n");
	service_condition_set(kafka, true, NULL);
	service_condition_set(postgres, false, "no connection");
	assert_ready(r, false, "postgres: no connection\n");
	service_condition_set(postgres, true, NULL);
	assert_ready(r, true, "");
	readiness_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_is_not_ready_before_it_has_conditions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
