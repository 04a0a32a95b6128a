"""A preview says what computing would, keeps nothing, and leaves nothing behind."""

import asyncio
import json
import os
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from gainstage.audiences.definition import Audience, Clause, Member, Performed, Trait
from gainstage.audiences.definition import Test as Tested
from gainstage.computing.previewing import PREFIX, clear, preview
from tests.unit.audiences.worlds import definitions
from tests.unit.computing.desk import Desk
from tests.unit.computing.test_steps import message

BUYERS = Audience(key="buyers", name="Buyers", condition=Performed(Clause("Bought")))
RICH = Audience(
    key="rich", name="Rich", subject="user", condition=Trait("plan", Tested("equals", "enterprise"))
)
BOTH = Audience(key="both", name="Both", condition=Member("buyers"), enabled=False)


def test_of_what_names_others_these_are_computed_too_and_nothing_is_kept(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.happen(
        {"type": "identify", "userId": "1", "traits": {"email": "One@acme.example", "plan": "enterprise"}},
        {"type": "track", "event": "Bought", "anonymousId": "x"},
        {"type": "identify", "userId": "1", "anonymousId": "x", "traits": {}},
        {"type": "identify", "userId": "2", "traits": {"plan": "free"}},
    )
    with desk.archive.snapshot() as snapshot:
        found = preview(tmp_path / "audiences", snapshot, (BUYERS, RICH, BOTH), "both", desk.clock.us, 5)
        nobody = preview(tmp_path / "audiences", snapshot, (BUYERS,), "buyers", desk.clock.us, 0)
    assert (found.size, found.known) == (1, 2)
    assert [(one.subject, one.value, json.loads(one.told or "")) for one in found.sample] == [
        ("u:1", "true", "one@acme.example")
    ]
    assert (nobody.size, nobody.sample) == (1, ())
    assert desk.state.sizes() == {} and desk.state.computations() == {}
    assert list((tmp_path / "audiences").glob(f"{PREFIX}*")) == []
    desk.close()


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32))
def test_a_preview_has_the_size_that_computing_gives(seed: int) -> None:
    import tempfile

    random = Random(seed)
    made = definitions(random, 3)
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        desk.happen(*(message(random) for _ in range(30)))
        asyncio.run(desk.compute(made))
        sizes = desk.state.sizes()
        with desk.archive.snapshot() as snapshot:
            for one in made:
                if one.enabled:
                    shown = preview(Path(folder) / "audiences", snapshot, made, one.key, desk.clock.us, 3)
                    assert shown.size == sizes.get(one.key, 0), one
        desk.close()


def test_what_a_killed_preview_left_goes_and_one_at_work_stays(tmp_path: Path) -> None:
    import fcntl

    left, at_work = tmp_path / f"{PREFIX}left", tmp_path / f"{PREFIX}working"
    for folder in (left, at_work):
        folder.mkdir()
        (folder / "work.duckdb").write_text("personal data")
    descriptor = os.open(at_work, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    clear(tmp_path)
    assert not left.exists() and at_work.exists()
    os.close(descriptor)
    clear(tmp_path)
    assert not at_work.exists()
