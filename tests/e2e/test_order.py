"""Updates that arrive before their message are parked; every order of arrival ends in the same state."""
import itertools

import pytest
from blazz.v1 import common_pb2 as common, inbound_pb2
from harness.events import T0, Source
from harness.waiting import wait_for


@pytest.fixture
def stack(blazz):
    blazz.seed(("bridge",))
    blazz.source = Source(blazz.workspace, blazz.accounts["bridge"])
    return blazz


def state(stack):
    """The visible state of every message."""
    reactions = {(r["chat_id"], r["sender"]): r["emoji"] for r in stack.sql("SELECT * FROM chat_reactions")}
    return sorted(
        (m["message_key"], m["message_status"], m["metadata"].get("body"), m["revoked_at"], m["edited_at"], m["read_at"],
         sorted(e for (chat, _), e in reactions.items() if chat == m["id"]))
        for m in stack.messages())


def test_an_update_before_its_message_is_applied_when_the_message_arrives(stack):
    stack.start_chat_sync()
    source = stack.source
    early = [source.status("3EB0OUT", common.MESSAGE_STATUS_READ), source.edit("3EB0IN", "edited"),
             source.reaction("3EB0IN", "👍"), source.reaction("3EB0OUT", "🙏", out=True)]
    stack.publish(early)
    stack.wait_processed()
    assert stack.counts()["parked"] == len(early) and stack.counts()["messages"] == 0
    stack.publish([source.message("3EB0IN", body="first"), source.message("3EB0OUT", body="mine", out=True)])
    stack.wait_processed()
    wait_for(lambda: stack.counts()["parked"] == 0, "no update is parked any more")
    stack.wait_processed()
    rows = {m["message_key"]: m for m in stack.messages()}
    assert rows["true:3EB0OUT"]["message_status"] == "read"
    assert rows["false:3EB0IN"]["metadata"]["body"] == "edited" and rows["false:3EB0IN"]["edited_at"]
    assert sorted(r["emoji"] for r in stack.sql("SELECT emoji FROM chat_reactions")) == ["👍", "🙏"]
    stack.check_invariants()
    events = [e.WhichOneof("event") for e in stack.check_chat_events()]
    assert events.count("message_created") == 2 and events.count("message_reaction") == 2


def test_an_expired_parked_update_becomes_a_dead_letter_unchanged(stack):
    stack.start_chat_sync(parked__ttl="500ms")
    event = stack.source.status("3EB0NEVER", common.MESSAGE_STATUS_DELIVERED)
    stack.publish([event], headers=[("mine", b"kept")])
    dead_letters = wait_for(stack.dead_letters, "the update expires", 20)
    assert [r.value for r in dead_letters] == [event.SerializeToString()]
    assert dead_letters[0].headers["x-dlq-reason"] == "expired" and dead_letters[0].headers["mine"] == "kept"
    assert dead_letters[0].headers["x-dlq-first-topic"] == stack.topic("inbound")
    assert dead_letters[0].key.decode() == f"{stack.workspace}:{stack.accounts['bridge']}"
    assert stack.counts()["parked"] == 0


def test_a_status_never_moves_back(stack):
    stack.start_chat_sync()
    statuses = {"sent": common.MESSAGE_STATUS_SENT, "delivered": common.MESSAGE_STATUS_DELIVERED,
                "read": common.MESSAGE_STATUS_READ, "failed": common.MESSAGE_STATUS_FAILED}
    cases = [(order, i) for i, order in enumerate(itertools.permutations(("sent", "delivered", "read")))]
    cases += [(("failed", "delivered"), 90), (("delivered", "failed"), 91), (("failed", "sent"), 92)]
    events = []
    for order, i in cases:
        events.append(stack.source.message(f"3EB0S{i}", out=True, at=T0 + i))
        events += [stack.source.status(f"3EB0S{i}", statuses[word], at=T0 + 100 + n) for n, word in enumerate(order)]
    stack.publish(events)
    stack.wait_processed()
    got = {m["message_key"]: m["message_status"] for m in stack.messages()}
    for order, i in cases:
        want = "read" if "read" in order else "failed" if order == ("failed", "sent") else "delivered"
        assert got[f"true:3EB0S{i}"] == want, order


def test_every_order_of_a_message_and_its_updates_gives_the_same_final_state(make_blazz):
    """All orders in one stack, each with a message of its own."""
    stack = make_blazz().seed(("bridge",))
    stack.start_chat_sync()
    source, events, n = Source(stack.workspace, stack.accounts["bridge"]), [], 0
    for order in itertools.permutations(range(5)):
        stanza, phone = f"3EB0O{n:03}", f"1650555{n:04}"
        parts = [source.message(stanza, phone, body="first", at=T0), source.edit(stanza, "second", T0 + 10, phone),
                 source.edit(stanza, "third", T0 + 20, phone), source.reaction(stanza, "👍", T0 + 30, phone),
                 source.reaction(stanza, "", T0 + 40, phone)]
        events += [parts[i] for i in order + order[::-1]]  # and every event again
        n += 1
    stack.publish(events)
    stack.wait_processed()
    wait_for(lambda: stack.counts()["parked"] == 0, "no update is parked any more")
    stack.wait_processed()
    ends = {(m["message_status"], m["metadata"].get("body")) for m in stack.messages()}
    assert len(stack.messages()) == n and ends == {("delivered", "third")}
    assert stack.counts()["reactions"] == 0
    stack.check_invariants()
    stack.check_chat_events()


def test_history_never_overwrites_newer_data(stack):
    stack.start_chat_sync()
    source = stack.source
    live = source.message("3EB0H", body="live")
    history = source.message("3EB0H", body="as history has it", origin=common.ORIGIN_HISTORY)
    stack.publish([live, source.edit("3EB0H", "edited"), history])
    stack.publish([source.message("3EB0H2", body="as history has it", at=T0 + 1, origin=common.ORIGIN_HISTORY),
                   source.message("3EB0H2", body="live", at=T0 + 1)])
    stack.wait_processed()
    got = {m["message_key"]: m["metadata"]["body"] for m in stack.messages()}
    assert got == {"false:3EB0H": "edited", "false:3EB0H2": "live"}


def test_history_raises_no_unread_count_and_a_read_marker_recounts(stack):
    stack.start_chat_sync()
    source = stack.source
    stack.publish([source.message(f"3EB0U{i}", at=T0 + i) for i in range(5)])
    stack.publish([source.message(f"3EB0UH{i}", at=T0 + 10 + i, origin=common.ORIGIN_HISTORY) for i in range(5)])
    stack.wait_processed()
    assert stack.value("SELECT unread_messages FROM conversations") == 5
    marker = source.event("read_marker", "m1", at=T0 + 50)
    source.fill_chat(marker.read_marker.chat, "16505551234")
    marker.read_marker.read_at_ms = (T0 + 2) * 1000
    stack.publish([marker])
    stack.wait_processed()
    assert stack.value("SELECT unread_messages FROM conversations") == 2
    stack.check_invariants()


def test_a_number_change_to_a_known_contact_merges_the_two_once(stack):
    """Both numbers are known; the change arrives twice in one batch with messages of both, and again later."""
    stack.start_chat_sync(batch__linger="200ms")
    source, old, new = stack.source, "16505551234", "12195555358"
    stack.publish([source.message("3EB0OLD", old, name="Alice"), source.message("3EB0NEW", new, at=T0 + 1)])
    stack.wait_processed()
    change = source.number_change(old, new, at=T0 + 10)
    stack.publish([source.message("3EB0OLD2", old, at=T0 + 5), change, source.message("3EB0NEW2", new, at=T0 + 20), change,
                   source.message("3EB0NEW3", new, at=T0 + 21)])
    stack.wait_processed(20)
    assert stack.value("SELECT count(*) FROM contacts WHERE merged_into IS NULL") == 1
    assert len(stack.messages()) == 5 and len({m["conversation"] for m in stack.messages()}) == 1
    before = stack.counts()
    stack.publish([change])
    stack.wait_processed(20)
    assert stack.counts() == before
    # The old number now belongs to another person.
    stack.publish([source.message("3EB0STRANGER", old, at=T0 + 3600)])
    stack.wait_processed(20)
    assert stack.value("SELECT count(*) FROM contacts WHERE merged_into IS NULL") == 2
    stack.check_invariants()
    stack.check_chat_events()


def test_a_repeated_number_change_does_not_affect_the_next_holder(stack):
    """A person changed the number, another person got the old one, and the same change arrives again: it has no effect."""
    stack.start_chat_sync()
    source, old, new = stack.source, "16505551234", "12195555358"
    change = source.number_change(old, new, at=T0 + 10)
    for events in ([source.message("3EB0OLD", old)], [change], [source.message("3EB0STRANGER", old, at=T0 + 20)],
                   [change, source.message("3EB0STRANGER2", old, at=T0 + 21), source.message("3EB0NEW", new, at=T0 + 22)]):
        stack.publish(events)
        stack.wait_processed(20)
    assert len(stack.messages()) == 4
    stack.check_invariants()
    stack.check_chat_events()


def test_two_accounts_report_different_new_numbers_for_one_old_number(stack):
    """In one batch: the first change merges the contacts; for the second the old number has no holder any more."""
    source, old = stack.source, "16505551234"
    stack.start_chat_sync(batch__linger="300ms")
    stack.publish([source.message("3EB0A", old), source.message("3EB0B", "12195555358", at=T0 + 1)])
    stack.wait_processed()
    stack.publish([source.number_change(old, "12195555358", at=T0 + 10), source.number_change(old, "16505559876", at=T0 + 11)])
    stack.wait_processed(20)
    assert len(stack.messages()) == 2
    stack.check_invariants()
    stack.check_chat_events()


def test_a_bsuid_and_a_number_that_change_in_one_batch(stack):
    """As Meta reports it of a person who was seen with both numbers and both ids."""
    source, old, new = stack.source, "16505551234", "12195555358"
    stack.start_chat_sync(batch__linger="300ms")
    seen = [source.message("3EB0A", old), source.message("3EB0B", new, at=T0 + 1)]
    seen[0].message.chat.contact.bsuid, seen[1].message.chat.contact.bsuid = "US.1111", "US.2222"
    stack.publish(seen)
    stack.wait_processed()
    moved = source.number_change(old, new, at=T0 + 11)
    moved.identity_change.old.bsuid, moved.identity_change.new.bsuid = "US.1111", "US.3333"
    alias = source.event("identity_change", "bsuid", at=T0 + 12)
    alias.identity_change.kind = alias.identity_change.KIND_ALIAS
    alias.identity_change.old.bsuid, alias.identity_change.new.bsuid = "US.1111", "US.2222"
    stack.publish([source.number_change(old, new, at=T0 + 10), moved, alias,
                   source.number_change(old, "16505559876", at=T0 + 13)])
    stack.wait_processed(20)
    assert len(stack.messages()) == 2
    stack.check_invariants()
    stack.check_chat_events()


# Duplicates after a change of the author's identity

def assert_one_reaction(stack):
    assert stack.counts()["reactions"] == 1
    published = [e for _, e in stack.chat_events() if e.WhichOneof("event") == "message_reaction"]
    assert len(published) == 1
    stack.check_invariants()
    stack.check_chat_events()


def test_a_duplicate_reaction_after_its_authors_number_changed_has_no_effect(stack):
    stack.start_chat_sync()
    source, old, new = stack.source, "16505551234", "12195555358"
    reaction = source.reaction("3EB0A", "👍", T0 + 5, old)
    for events in ([source.message("3EB0A", old), reaction], [source.number_change(old, new, at=T0 + 10)], [reaction]):
        stack.publish(events)
        stack.wait_processed()
    assert_one_reaction(stack)


def test_a_duplicate_reaction_after_its_authors_lid_got_a_phone_has_no_effect(stack):
    stack.start_chat_sync()
    source, lid = stack.source, "98765432101234"
    reaction = source.reaction("3EB0A", "👍", T0 + 5, "")
    reaction.reaction.chat.contact.lid = reaction.reaction.sender.lid = lid
    for events in ([source.message("3EB0A", None, lid=lid), reaction], [source.alias("16505551234", lid, at=T0 + 10)], [reaction]):
        stack.publish(events)
        stack.wait_processed()
    assert_one_reaction(stack)


def test_a_session_state_older_than_the_last_one_is_not_applied(stack):
    def state(word, at):
        e = stack.source.event("session_state", word, at, at=at)
        e.session_state.state = getattr(inbound_pb2.SessionState, "STATE_" + word)
        return e
    stack.start_chat_sync()
    stack.publish([state("CONNECTED", T0 + 1), state("CONNECTED", T0 + 3), state("DISCONNECTED", T0 + 2)])
    stack.wait_processed()
    assert stack.value("SELECT status FROM whatsapp_accounts") == "connected"
    assert [e.session_state.status for _, e in stack.chat_events()] == ["connected"]
