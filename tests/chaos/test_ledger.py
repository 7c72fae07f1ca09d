"""The ledger can fail: each invariant reports corrupted states, and none reports a consistent one."""
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/e2e"), str(ROOT / "build/gen/python"), str(Path(__file__).parent)]

from bridging_corruptions import BRIDGING_CORRUPTIONS  # noqa: E402 (found by the line above)
from case import Case  # noqa: E402
from catalogue import CATALOGUE, EVERYTHING, OUTSIDE  # noqa: E402
from corruptions import CORRUPTIONS, change_body  # noqa: E402
from faults import draw_faults  # noqa: E402
from ideal import Ideal  # noqa: E402
from keeping_corruptions import KEEPING_CORRUPTIONS  # noqa: E402
from ledger import INVARIANTS, check, verdict_text  # noqa: E402
from plan import Planner  # noqa: E402
from restore_corruptions import RESTORE_CORRUPTIONS, restored  # noqa: E402
from sending_corruptions import SENDING_CORRUPTIONS  # noqa: E402
from snapshot import Snapshot  # noqa: E402


@pytest.fixture(scope="module")
def ideal():
    return pickle.dumps(Ideal().s)


@pytest.fixture
def snapshot(ideal):
    return pickle.loads(ideal)


def test_a_consistent_state_has_no_violation(snapshot):
    verdicts = check(snapshot)
    assert not any(verdicts.values()), verdict_text(verdicts)
    assert len(snapshot.tables["chats"]) > 200 and snapshot.tables["parked_updates"] and snapshot.tables["account_syncs"]


@pytest.mark.parametrize("invariant, corrupt", [(i, c) for i, corruptions in [*CORRUPTIONS, *SENDING_CORRUPTIONS, *BRIDGING_CORRUPTIONS, *KEEPING_CORRUPTIONS]
                                                for c in corruptions],
                         ids=lambda x: getattr(x, "__name__", x))
def test_each_invariant_reports_its_own_violations(snapshot, invariant, corrupt):
    corrupt(snapshot)
    wrong = list(INVARIANTS[invariant](Case(snapshot)))
    assert wrong and f"{invariant} is broken" in verdict_text({invariant: wrong})


def test_a_consistent_state_after_a_restore_has_no_violation(snapshot):
    verdicts = check(restored(snapshot))
    assert not any(verdicts.values()), verdict_text(verdicts)


@pytest.mark.parametrize("invariant, corrupt", [(i, c) for i, corruptions in RESTORE_CORRUPTIONS for c in corruptions], ids=lambda x: getattr(x, "__name__", x))
def test_violations_after_a_restore_are_reported(snapshot, invariant, corrupt):
    corrupt(restored(snapshot))
    assert list(INVARIANTS[invariant](Case(snapshot)))


def test_a_saved_snapshot_gives_the_same_verdict(snapshot, tmp_path):
    change_body(restored(snapshot))
    snapshot.save(tmp_path / "snapshot.json")
    assert check(Snapshot.load(tmp_path / "snapshot.json")) == check(snapshot)


REPLAY = """
from test_ledger import Planner, draw_faults
planner, deal = Planner(5), draw_faults(5, [], True)
print([planner.cycle() for _ in range(4)], [planner.sending.cycle() for _ in range(4)], [planner.bridging.cycle() for _ in range(4)], [planner.keeping.cycle() for _ in range(4)], [[(f.name, *rest) for f, *rest in next(deal)] for _ in range(50)])
"""


def test_a_seed_replays_in_another_process():
    """In which sets of strings have another order."""
    runs = [subprocess.run([sys.executable, "-c", REPLAY], cwd=Path(__file__).parent, env=os.environ | {"PYTHONHASHSEED": n},
                           capture_output=True, text=True, check=True).stdout for n in ("1", "2")]
    assert runs[0] == runs[1] != ""


def test_another_seed_is_another_run():
    one, other, another = (Planner(seed) for seed in (5, 5, 6))
    for _ in range(3):
        cycle = one.cycle()
        assert cycle == other.cycle() and cycle != another.cycle()
        sent = one.sending.cycle()
        assert sent == other.sending.cycle() and sent != another.sending.cycle()
        wished = one.bridging.cycle()
        assert wished == other.bridging.cycle() and wished != another.bridging.cycle()
        chores = one.keeping.cycle()
        assert chores == other.keeping.cycle() and chores != another.keeping.cycle()
    deals = [draw_faults(seed, [], True) for seed in (5, 5, 6)]
    one, other, another = ([next(d) for _ in range(50)] for d in deals)
    assert one == other != another


def test_every_fault_is_drawn_and_simultaneous_faults_have_different_targets():
    deal, seen = draw_faults(1, [], True), set()
    for _ in range(len(CATALOGUE)):
        faults = [f for f, _, _ in next(deal)]
        assert len({f.target for f in faults}) == len(faults)
        assert all(f.target == EVERYTHING or f.target in OUTSIDE for f in faults) or EVERYTHING not in {f.target for f in faults}
        seen |= {f.name for f in faults}
    assert seen == CATALOGUE.keys()
