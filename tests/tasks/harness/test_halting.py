"""A halt in every moment of a run: before it, between two steps, before an effect, in the middle of one that hangs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from midwatch.errors import Halted
from midwatch.halt import Halt, Target
from midwatch.judgment import Ending
from midwatch.ledger import Ledger
from midwatch.risk import tool
from midwatch.run import RunFacts
from tasks.harness.halting import Halting, let_go_of_ended
from tasks.harness.hand_over import HandOver
from tasks.harness.run import _worked
from tasks.harness.work import Work
from tasks.permissions.latch import Latch
from tests.tasks.harness.lives import Run, Script

WORLD: list[str] = []


@dataclass
class Here:
    """Of the test at hand."""

    loop: asyncio.AbstractEventLoop
    started: asyncio.Event = field(default_factory=asyncio.Event)
    """A tool, or the model, hangs now."""


HERE: list[Here] = []
WITHIN = 3.0
"""Seconds in which a run notices, on a machine that is busy with other things; it looks every 0.2."""
SAID = {"by": "anna", "via": "cli", "because": "it spends"}
AT = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


@tool(risk="read")
async def look() -> str:
    """Look."""
    WORLD.append("look")
    return "there"


@tool(risk="write")
async def put() -> str:
    """Put."""
    WORLD.append("put")
    return "put"


@tool(risk="write")
async def hang() -> str:
    """Hang for ever, politely."""
    HERE[0].started.set()
    await asyncio.Event().wait()
    return "never"


@tool(risk="read")
async def hang_harmlessly() -> str:
    """Hang for ever, and change nothing."""
    HERE[0].started.set()
    await asyncio.Event().wait()
    return "never"


@tool(risk="write")
async def hang_and_hide_it() -> str:
    """Make another error of being cut off."""
    HERE[0].started.set()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise RuntimeError("the connection was lost") from None
    return "never"


@tool(risk="write")
def hang_in_a_thread() -> str:
    """Hang where nothing can be cancelled."""
    HERE[0].loop.call_soon_threadsafe(HERE[0].started.set)
    time.sleep(30)
    return "never"


@tool(risk="read")
def look_in_a_thread() -> str:
    """Hang there, and change nothing."""
    return hang_in_a_thread()


TOOLS = (look, put, hang, hang_harmlessly, hang_and_hide_it, hang_in_a_thread, look_in_a_thread)


@pytest.fixture
async def ledger(ledger: Ledger) -> Ledger:
    WORLD.clear()
    HERE[:] = [Here(asyncio.get_running_loop())]
    run: dict[str, Any] = {"agent": "a", "cause": "person", "slot": "s", "level": 4, "asked_level": None}
    await ledger.start_run("run", **run, input={}, fingerprint="f", started_at=datetime.now(UTC))
    return ledger


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def run(ledger: Ledger, tmp_path: Path) -> Callable[..., Run]:
    def made(*turns: Any) -> Run:
        tools = [{"python": f"{__name__}:{one.__name__}"} for one in TOOLS]
        rules = {"allow": [one.__name__ for one in TOOLS]}
        return Run(ledger=ledger, project=tmp_path, script=Script(list(turns)), tools=tools, rules=rules)

    return made


def on_disk(home: Path, target: Target) -> None:
    Latch(home).set(Halt(scope=target.scope, name=target.name, at=AT, **SAID))


async def state_of_the_effects(ledger: Ledger) -> list[str]:
    return [row.state for row in await ledger.effects_of("run")]


@pytest.mark.parametrize("target", Target.around("a", "run"), ids=lambda target: target.scope)
@pytest.mark.parametrize("where", ["disk", "ledger"])
async def test_a_run_that_is_halted_asks_no_model(
    ledger: Ledger, home: Path, run: Callable[..., Run], target: Target, where: str
) -> None:
    if where == "disk":
        on_disk(home, target)
    else:
        await ledger.halt(target, **SAID)
    made = run([("put", {})])
    ending = await made.life()
    assert (ending.loop, WORLD, made.script.heard) == ("halted", [], [])
    assert "was halted by anna (cli)" in ending.reason
    assert ending.reason.endswith("it spends")


@pytest.mark.parametrize("call", ["look", "put"])
async def test_no_call_begins_after_the_latch_on_disk_is_set(
    ledger: Ledger, home: Path, run: Callable[..., Run], call: str
) -> None:
    made = run([(call, {})])
    made.script.before = lambda _: on_disk(home, Target.of("a"))
    ending = await made.life()
    assert (ending.loop, WORLD, await state_of_the_effects(ledger)) == ("halted", [], [])


async def test_no_effect_begins_after_the_ledger_alone_knows_of_a_halt(
    ledger: Ledger, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Halting, "ledger_seconds", 3600.0)

    class HaltsMeanwhile(Script):
        async def say(self, *words: Any) -> Any:
            await ledger.halt(Target.of("a"), **SAID)
            return await super().say(*words)

    made = run([("put", {})])
    made.script = HaltsMeanwhile(made.script.turns)
    ending = await made.life()
    assert (ending.loop, WORLD, await state_of_the_effects(ledger)) == ("halted", [], [])


async def test_a_latch_that_is_set_between_reservation_and_effect_keeps_it_from_beginning(
    ledger: Ledger, home: Path, run: Callable[..., Run]
) -> None:
    class Slow(Ledger):
        async def reserve(self, *words: Any, **facts: Any) -> Any:
            made = await super().reserve(*words, **facts)
            on_disk(home, Target.of("a"))
            return made

    made = run([("put", {})])
    made.ledger = Slow(ledger._database, ledger._clock)
    ending = await made.life()
    assert (ending.loop, WORLD, await state_of_the_effects(ledger)) == ("halted", [], ["released"])


async def halted_in_the_middle(run: Run, halt: Callable[[], Awaitable[None]]) -> tuple[Ending, float]:
    working = asyncio.create_task(run.life())
    async with asyncio.timeout(30):
        await HERE[0].started.wait()
        await halt()
        began = time.monotonic()
        return await working, time.monotonic() - began


@pytest.mark.parametrize(
    ("call", "effects"),
    [
        ("hang", ["reserved"]),
        ("hang_harmlessly", []),
        ("hang_and_hide_it", ["unknown"]),
        ("hang_in_a_thread", ["reserved"]),
    ],
)
async def test_a_call_that_hangs_is_cut_off_and_its_effect_is_in_doubt(
    ledger: Ledger, home: Path, run: Callable[..., Run], call: str, effects: list[str]
) -> None:
    async def halt() -> None:
        on_disk(home, Target.of("a"))

    ending, seconds = await halted_in_the_middle(run([(call, {})], [("put", {})]), halt)
    assert (ending.loop, WORLD, await state_of_the_effects(ledger)) == ("halted", [], effects)
    assert seconds < WITHIN
    row = await ledger.finish_run("run", outcome="blocked", reason=ending.reason)
    assert row.outcome == ("unknown" if effects else "blocked")


@pytest.mark.parametrize(("call", "ends"), [("hang_in_a_thread", True), ("hang", False), ("look_in_a_thread", False)])
async def test_a_plain_function_in_the_middle_of_an_effect_ends_with_the_outcome_and_before_prefect_is_told(
    ledger: Ledger, home: Path, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, call: str, ends: bool
) -> None:
    order: list[str] = []

    async def told(*_: Any) -> None:
        order.append("told")

    monkeypatch.setattr("tasks.harness.run.tell", told)
    monkeypatch.setattr("tasks.harness.run.end_with_outcome", lambda _: order.append("killed"))
    async with run([(call, {})]).prepared() as prepared:
        working = asyncio.create_task(_worked(prepared, ledger))
        await HERE[0].started.wait()
        on_disk(home, Target.of("a"))
        await working
    assert order == (["killed", "told"] if ends else ["told"])


async def test_a_halt_that_only_the_ledger_knows_cuts_off_work_too(ledger: Ledger, run: Callable[..., Run]) -> None:
    async def halt() -> None:
        await ledger.halt(Target.of(run_id="run"), **SAID)

    ending, seconds = await halted_in_the_middle(run([("hang", {})]), halt)
    assert ending.loop == "halted"
    assert seconds < WITHIN + 1


async def test_a_model_that_does_not_answer_is_cut_off(ledger: Ledger, home: Path, run: Callable[..., Run]) -> None:
    class Silent(Script):
        async def say(self, *_: Any) -> Any:
            HERE[0].started.set()
            await asyncio.Event().wait()

    async def halt() -> None:
        on_disk(home, Target.of())

    made = run()
    made.script = Silent([])
    ending, seconds = await halted_in_the_middle(made, halt)
    assert (ending.loop, seconds < WITHIN) == ("halted", True)
    assert await ledger.steps_of("run") != []


async def test_an_effect_that_was_cut_is_not_repeated_by_a_later_life(
    ledger: Ledger, home: Path, run: Callable[..., Run]
) -> None:
    async def halt() -> None:
        on_disk(home, Target.of("a"))

    await halted_in_the_middle(run([("hang", {})]), halt)
    Latch(home).lift(Target.of("a"))
    HERE[0].started.clear()
    ending = await run([("hang", {})]).life()
    assert (ending.loop, HERE[0].started.is_set(), await state_of_the_effects(ledger)) == ("error", False, ["unknown"])


async def test_a_watch_that_breaks_stops_the_run(
    home: Path, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def halt() -> None:
        def broken(*_: Any) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr(Latch, "on", broken)

    ending, _ = await halted_in_the_middle(run([("hang", {})]), halt)
    assert (ending.loop, "cannot be watched any more (ZeroDivisionError" in ending.reason) == ("halted", True)


async def test_a_ledger_that_does_not_answer_keeps_nobody_from_seeing_the_latch_on_disk(
    ledger: Ledger, home: Path
) -> None:
    class Held(Ledger):
        asked = 0

        async def halt_of(self, *words: Any) -> Any:
            self.asked += 1
            if self.asked > 1:  # not before the work
                HERE[0].started.set()
                await asyncio.Event().wait()
            return await super().halt_of(*words)

    facts = RunFacts(run_id="run", agent="a", started_at=AT, home=home)

    async def work() -> None:
        async with Halting(facts=facts, ledger=Held(ledger._database, ledger._clock)).cut_off():
            await HERE[0].started.wait()
            on_disk(home, Target.of())
            await asyncio.Event().wait()

    with pytest.raises(Halted):
        await asyncio.wait_for(work(), WITHIN)


async def test_work_that_nobody_halts_ends_as_it_would_and_its_own_errors_pass(ledger: Ledger, home: Path) -> None:
    facts = RunFacts(run_id="run", agent="a", started_at=AT, home=home)
    async with Halting(facts=facts, ledger=ledger).cut_off():
        await asyncio.sleep(0)
    for error in (TimeoutError("its own"), ValueError("its own"), Halted("its own")):
        with pytest.raises(type(error), match="its own"):
            async with Halting(facts=facts, ledger=ledger).cut_off():
                raise error
    assert len(asyncio.all_tasks()) == 1


async def test_somebody_else_who_cancels_the_work_is_obeyed(ledger: Ledger, home: Path) -> None:
    facts = RunFacts(run_id="run", agent="a", started_at=AT, home=home)

    async def work() -> None:
        async with Halting(facts=facts, ledger=ledger).cut_off():
            HERE[0].started.set()
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await HERE[0].started.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working


async def test_the_latch_of_a_run_that_has_ended_goes_and_no_other_does(ledger: Ledger, home: Path) -> None:
    for target in (*Target.around("a", "run"), Target.of(run_id="another")):
        on_disk(home, target)
    assert await let_go_of_ended(home, ledger) == []
    await ledger.finish_run("run", outcome="failed", reason="it was given up")
    assert await let_go_of_ended(home, ledger) == ["run"]
    assert [halt.target.words() for halt in Latch(home).standing()] == ["agent a", "everything", "run another"]


@pytest.mark.parametrize("halted_before", [True, False])
async def test_a_run_that_is_stopped_short_hands_nothing_over_under_a_halt(
    ledger: Ledger, home: Path, run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch, halted_before: bool
) -> None:
    asked: list[str] = []

    async def words(*_: Any) -> str:
        asked.append("asked")
        on_disk(home, Target.of("a"))
        await asyncio.Event().wait()
        return "never"

    async def stopped(_: Work) -> Ending:
        if halted_before:
            on_disk(home, Target.of("a"))
        return Ending(loop="stopped", reason="it repeats itself")

    async def told(*_: Any) -> None:
        pass

    monkeypatch.setattr(HandOver, "words", words)
    monkeypatch.setattr(Work, "run", stopped)
    monkeypatch.setattr("tasks.harness.run.tell", told)
    async with run().prepared() as prepared, asyncio.timeout(30):
        await _worked(prepared, ledger)
    row = await ledger.run("run")
    assert row is not None
    assert (row.outcome, row.reason.startswith("agent a was halted by anna")) == ("blocked", True)
    assert asked == ([] if halted_before else ["asked"])
