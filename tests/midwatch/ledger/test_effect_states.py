"""Effects as a state machine: any order of calls, held against a model of a few lines."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from midwatch.errors import LedgerError
from midwatch.ledger import Ledger, Settlement

T = TypeVar("T")
CALLS: Final = st.sampled_from(["c1", "c2", "c3"])
GETS: Final = {"released": "reserved", "reserved": "in_doubt", "unknown": "in_doubt", "consumed": "consumed"}
LEAVES: Final = {"consumed": {"reserved", "unknown"}, "released": {"reserved", "unknown"}, "unknown": {"reserved"}}


class Effects(RuleBasedStateMachine):
    blank: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.Runner()
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(self.blank, self.folder / "ledger.db")
        self.ledger = Ledger.open(f"sqlite+aiosqlite:///{self.folder / 'ledger.db'}")
        self.state: dict[str, str] = {}
        self.ids: dict[str, int] = {}
        self.changes = 1
        facts: dict[str, Any] = {"cause": "person", "slot": None, "level": 3, "asked_level": None, "input": {}}
        moment = datetime(2026, 3, 1, tzinfo=UTC)
        self.do(self.ledger.start_run("r", agent="owl", fingerprint="f", started_at=moment, **facts))

    def do(self, call: Coroutine[Any, Any, T]) -> T:
        return self.loop.run(call)

    def become(self, call_id: str, state: str) -> None:
        """One row in the journal, and one more for the question that is opened or answered with it."""
        before = self.state.get(call_id)
        self.changes += (before != state) * (1 + ("unknown" in (before, state)))
        self.state[call_id] = state

    def settle(self, call_id: str, state: str, call: Coroutine[Any, Any, None]) -> None:
        if self.state.get(call_id) in LEAVES[state] | {state}:
            self.do(call)
            self.become(call_id, state)
        else:
            with pytest.raises(LedgerError):
                self.do(call)

    @rule(call_id=CALLS)
    def reserve(self, call_id: str) -> None:
        call = self.ledger.reserve("r", call_id, digest=call_id, tool="t", args_json="{}", idempotency_key=call_id)
        got = self.do(call)
        assert got.state == GETS.get(self.state.get(call_id, "released"))
        assert self.ids.setdefault(call_id, got.effect_id) == got.effect_id
        if got.state == "reserved":
            self.become(call_id, "reserved")

    @rule(call_id=CALLS)
    def consume(self, call_id: str) -> None:
        self.settle(call_id, "consumed", self.ledger.consume(self.ids.get(call_id, 0), '"done"'))

    @rule(call_id=CALLS)
    def release(self, call_id: str) -> None:
        self.settle(call_id, "released", self.ledger.release(self.ids.get(call_id, 0)))

    @rule(call_id=CALLS)
    def mark_unknown(self, call_id: str) -> None:
        self.settle(call_id, "unknown", self.ledger.mark_unknown(self.ids.get(call_id, 0), "why"))

    @rule(call_id=CALLS, happened=st.booleans())
    def a_person_says_it(self, call_id: str, happened: bool) -> None:
        for ask in self.do(self.ledger.open_asks()):
            if ask.call_id == call_id:
                verdict: Settlement = "happened" if happened else "did_not_happen"
                words = {"by": "operator", "via": "cli", "reason": "I looked", "result_json": '"done"'}
                said = self.ledger.settle_effect(ask.ask_id, verdict, **words)
                assert self.do(said).first
                self.become(call_id, "consumed" if happened else "released")

    @invariant()
    def the_ledger_agrees(self) -> None:
        rows = self.do(self.ledger.effects_of("r"))
        assert {row.call_id: row.state for row in rows} == self.state

    @invariant()
    def a_person_is_asked_about_exactly_what_is_unknown(self) -> None:
        asked = [ask.call_id for ask in self.do(self.ledger.open_asks())]
        assert sorted(asked) == sorted(call_id for call_id, state in self.state.items() if state == "unknown")

    def teardown(self) -> None:
        report = self.do(self.ledger.verify_chain())
        assert (report.ok, report.rows) == (True, self.changes)
        assert self.do(self.ledger.verify()).findings == ()
        self.do(self.ledger.close())
        self.loop.close()
        shutil.rmtree(self.folder)


def test_no_order_of_calls_executes_an_effect_twice_or_loses_its_result(blank_sqlite: Path) -> None:
    Effects.blank = blank_sqlite
    run_state_machine_as_test(Effects, settings=settings(max_examples=20, stateful_step_count=20, deadline=None))
