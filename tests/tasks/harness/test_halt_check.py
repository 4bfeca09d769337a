"""The self-test of the halt latch: it holds as it is, and it sees either half of the latch that is broken on purpose."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from midwatch.errors import Halted
from midwatch.halt import CHECKED_AGENT, Halt, Target
from midwatch.ledger import Ledger
from midwatch.ledger import halts as ledger_halts
from tasks.harness import halt_check
from tasks.harness.halt_check import PASSED, TARGET, check_halt
from tasks.permissions.latch import Latch


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


async def test_the_latch_as_it_is_holds_and_nothing_stays_halted(ledger: Ledger, home: Path) -> None:
    seen = await check_halt(ledger, home, "run")
    assert (seen.held, seen.detail) == (True, PASSED)
    assert await ledger.latest_halt_check() == seen
    run = await ledger.run("run")
    assert run is not None
    assert (run.agent, run.outcome) == (CHECKED_AGENT, "verified")
    assert [(row.call_id, row.state) for row in await ledger.effects_of("run")] == [
        ("before/write-before", "consumed"),
        ("after/write-after", "consumed"),
    ]
    assert (await ledger.halts_in_force(), Latch(home).standing()) == ([], [])


async def test_a_latch_on_disk_that_nobody_reads_is_noticed(
    ledger: Ledger, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Latch, "on", lambda *_: None)
    seen = await check_halt(ledger, home, "run")
    assert (seen.held, seen.detail) == (False, "AN EFFECT PASSED although the latch on disk was set")
    run = await ledger.run("run")
    assert run is not None
    assert (run.outcome, run.reason) == ("failed", seen.detail)


async def test_a_latch_in_the_ledger_that_reserve_does_not_ask_is_noticed(
    ledger: Ledger, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_halts, "refuse_if_halted", lambda *_: None)
    seen = await check_halt(ledger, home, "run")
    assert (seen.held, seen.detail) == (False, "AN EFFECT PASSED although the latch in the ledger was set")


async def test_a_way_that_is_closed_anyway_proves_nothing(
    ledger: Ledger, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(halt_check.SPEC, "rules", {"deny": ["write_file"]})
    seen = await check_halt(ledger, home, "run")
    assert not seen.held
    assert "no effect passed before any latch was set, so the others prove nothing" in seen.detail


async def test_where_everything_is_halted_nothing_is_tried(ledger: Ledger, home: Path) -> None:
    Latch(home).set(Halt(scope="all", by="anna", via="cli", because="all of it", at=datetime.now(UTC)))
    with pytest.raises(Halted, match="cannot be tried meanwhile"):
        await check_halt(ledger, home, "run")
    assert [halt.target for halt in Latch(home).standing()] == [Target.of()]
    assert (await ledger.run("run"), await ledger.latest_halt_check()) == (None, None)


async def test_a_self_test_that_cannot_be_carried_through_has_not_held(
    ledger: Ledger, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("no room")

    monkeypatch.setattr(Latch, "set", broken)
    seen = await check_halt(ledger, home, "run")
    assert (seen.held, seen.detail) == (False, "the self-test could not be carried through (OSError: no room)")


async def test_what_an_earlier_self_test_left_is_taken_away(ledger: Ledger, home: Path) -> None:
    Latch(home).set(Halt(scope="agent", name=CHECKED_AGENT, by="m", via="v", because="killed", at=datetime.now(UTC)))
    await ledger.halt(TARGET, by="m", via="v", because="killed")
    assert (await check_halt(ledger, home, "run")).held
    assert (await ledger.halts_in_force(), Latch(home).standing()) == ([], [])
