/* services/chat-sync: no kind of event is ignored silently. */
#include "unit.h"

#include "chat-sync/expand.h"
#include "chat-sync/fold/fold.h"

static void every_kind_of_event_is_expanded(void **state)
{
	(void)state;
	for (enum inbound_kind k = IN_NONE + 1; k < IN_KINDS; k++)
		if (!ops_expansions[k])
			fail_msg("%s is not expanded", inbound_kind_word(k));
}

static void every_kind_of_op_is_folded_in_one_way(void **state)
{
	(void)state;
	for (enum inbound_kind k = IN_NONE + 1; k < IN_KINDS; k++) {
		bool is_op = k != IN_CALL; /* which becomes a message */

		if (!!ops_folds[k].fold + !!ops_folds[k].ask != is_op)
			fail_msg("%s: folded or not?", inbound_kind_word(k));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_event_is_expanded),
		cmocka_unit_test(every_kind_of_op_is_folded_in_one_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
