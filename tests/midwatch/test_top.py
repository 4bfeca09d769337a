"""What is going on: what needs a person is first, and a run is told as it stands."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from midwatch.attention import Person
from midwatch.budget import Spent
from midwatch.halt import Halt, Scope
from midwatch.ledger import AlarmRow, BreakerRow
from midwatch.ledger.asks import AskKind
from midwatch.ledger.moment import Moment, OpenAsk, OpenRun, UnderWay
from midwatch.spec import Limits
from midwatch.top import Top, top_of

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)


def run(run_id: str = "r1", agent: str = "owl", minutes: float = 10, **facts: Any) -> OpenRun:
    began = NOW - timedelta(minutes=minutes)
    known: dict[str, Any] = {"cause": "schedule", "level": 4, "started_at": began, "stepped_at": began}
    known |= {"spent": Spent(runs=1, steps=3, tokens=900, usd=0.1, minutes=2), "limits": None, "last_step": "qwen"}
    return OpenRun(run_id=run_id, agent=agent, **{**known, **facts})


def ask(ask_id: str, kind: AskKind = "approve", hours: float | None = 1, **facts: Any) -> OpenAsk:
    deadline = None if hours is None else NOW + timedelta(hours=hours)
    known: dict[str, Any] = {"run_id": "r1", "agent": "owl", "tool": "write_file", "rule": "ask.files"}
    known |= {"args": "{}", "created_at": NOW - timedelta(minutes=5), "deadline": deadline}
    return OpenAsk(ask_id=ask_id, kind=kind, **{**known, **facts})


def halt(scope: Scope, name: str = "") -> Halt:
    return Halt(scope=scope, name=name, by="anna", via="cli", because="storm", at=NOW)


def seen(*asks: OpenAsk, runs: tuple[OpenRun, ...] = (), **facts: Any) -> Top:
    return top_of(NOW, Moment(asks=asks, open_asks=len(asks), runs=runs, open_runs=len(runs)), **facts)


def test_what_may_have_done_harm_is_first_then_what_cannot_go_on_then_what_ends_first() -> None:
    asks = ask("a", hours=None, tool="t1"), ask("b", hours=3, tool="t2"), ask("c", hours=1, tool="t3")
    top = seen(*asks, ask("d", "park", hours=None, tool="t4"), ask("e", "settle", hours=None, tool="t5"))
    assert [need.tool for need in top.needs] == ["t5", "t4", "t3", "t2", "t1"]


def test_the_same_question_of_many_runs_is_one_line_with_the_first_deadline() -> None:
    asks = [ask(f"a{number}", run_id=f"r{number}", hours=9 - number) for number in range(5)]
    (need,) = seen(*asks, ask("b", run_id="r0")).needs
    assert (need.questions, need.run_ids) == (6, ("r0", "r1", "r2", "r3", "r4"))
    assert need.deadline == NOW + timedelta(hours=1)


def test_it_says_who_is_waited_for() -> None:
    people = [Person(name="anna"), Person(name="ben", agents=frozenset({"bat"}))]
    first, second = seen(ask("a"), ask("b", agent="bat"), people=people).needs
    assert (first.people, second.people) == (("anna",), ("anna", "ben"))
    assert seen(ask("a")).needs[0].people == ()


def test_what_works_is_before_what_is_halted_and_what_waits() -> None:
    runs = run("waits"), run("works", minutes=1), run("halted", "bat"), run("longer", minutes=99)
    top = seen(ask("a", run_id="waits"), runs=runs, halts=[halt("agent", "bat")])
    told = [(worker.run_id, worker.state) for worker in top.workers]
    assert told == [("longer", "works"), ("works", "works"), ("halted", "halted"), ("waits", "waits")]


def test_each_halt_covers_what_it_names_and_says_what_lifts_it() -> None:
    for scope, name, covered in (("all", "", 2), ("agent", "owl", 1), ("run", "b", 1), ("agent", "none", 0)):
        top = seen(runs=(run("a"), run("b", "bat")), halts=[halt(scope, name)])  # type: ignore[arg-type]  # a Scope
        assert sum(worker.state == "halted" for worker in top.workers) == covered
        assert top.stops[0].command.startswith("midwatch resume")
        assert "storm" in top.stops[0].words


def test_a_breaker_is_told_until_it_is_closed_and_an_alarm_too() -> None:
    facts: dict[str, Any] = {"failures": 3, "openings": 1, "opened_at": NOW, "last_run": "r", "probe_at": NOW}
    facts |= {"probe_run": None, "paused": (), "settled": True}
    facts |= dict.fromkeys(("closed_at", "closed_by", "closed_because"))
    rows = [BreakerRow(agent=state, state=state, cause="GET 502", **facts) for state in ("open", "half_open", "closed")]
    alarm = AlarmRow(
        alarm_id="x",
        key="k",
        agent="owl",
        severity="urgent",
        what="silent",
        raised_at=NOW,
        over_at=None,
        over_because=None,
    )
    stops = seen(breakers=rows, alarms=[alarm]).stops
    assert [stop.kind for stop in stops] == ["alarm", "breaker", "breaker"]
    assert [stop.cause for stop in stops] == ["", "GET 502", "GET 502"]


def test_what_is_under_way_is_told_before_what_was_done_last() -> None:
    begun = UnderWay(run_id="r1", tool="send_mail", reserved_at=NOW)
    found = Moment(runs=(run(), run("r2")), under_way=(begun,))
    told = {worker.run_id: (worker.doing, worker.under_way) for worker in top_of(NOW, found).workers}
    assert told == {"r1": ("send_mail", True), "r2": ("qwen", False)}


def test_a_run_is_measured_against_its_own_limits_and_against_none_where_nobody_wrote_them_down() -> None:
    with_limits, without = seen(runs=(run(limits=Limits(steps=4)), run("r2"))).workers
    assert {meter.measure: meter.allowed for meter in with_limits.meters}["steps"] == 4
    assert {meter.scope for meter in with_limits.meters} == {"run"}
    assert without.meters == ()


def test_money_is_that_of_all_agents() -> None:
    found = Moment(today={"a": Spent(usd=0.5, tokens=1), "b": Spent(usd=0.25, unpriced_steps=1)})
    assert (top_of(NOW, found).today.usd, top_of(NOW, found).today.unpriced_steps) == (0.75, 1)
