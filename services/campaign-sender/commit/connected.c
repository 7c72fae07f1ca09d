/* Accounts that send again after a code that disconnects them; see private.h. Invariant: what is said of a hold's end is remembered only once the
 * commit that says it has succeeded. */
#include "campaign-sender/commit/private.h"

#define ANNOUNCED_MAX 20000

static struct str hold_str(const struct hold_key *k)
{
	return (struct str){ (const char *)k, sizeof(*k) };
}

void connected_note(struct flush *f, const struct account *a)
{
	struct hold_key key;

	if (!a || a->held_at_us == PG_NO_TIME || a->held_code.n == 0 ||
		!code_of_answer(code_parse(a->held_code), 0).disconnected)
		return;
	key = (struct hold_key){ a->id, a->held_at_us };
	if (map_get(f->announced, hold_str(&key)))
		return;
	f->ended_holds = vec_grow_in(f->arena, f->ended_holds, f->n_ended_holds, &f->cap_ended_holds, sizeof(key));
	f->ended_holds[f->n_ended_holds++] = key;
	effects_add_connected(f->journal->effects, a->workspace_id, a->id);
}

/* A hold that is said to be over twice changes nothing. */
void connected_keep(struct flush *f)
{
	if (map_count(f->announced) >= ANNOUNCED_MAX)
		map_clear(f->announced);
	for (size_t i = 0; i < f->n_ended_holds; i++)
		*map_slot(f->announced, hold_str(&f->ended_holds[i])) = f;
}
