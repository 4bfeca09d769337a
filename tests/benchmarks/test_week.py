"""The week alone, without its week: faults are drawn alike, the judge sees what is wrong, the model says what it should."""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import midwatch.ledger.transaction
from benchmarks.week import __main__ as week
from benchmarks.week.clock import Clock, aged
from benchmarks.week.faults import FAULTS, TROUBLES, Plan, drawn
from benchmarks.week.judge import Before, World, coloured
from benchmarks.week.mail import EXAMPLES, ORDERS, delivered, messages
from benchmarks.week.score import Line, Result, Tally, cause, tables
from benchmarks.week.thinker import AREAS, on_machine, on_message, stated, told
from tests.flows.wires import Calls

SURVEY = "\n".join([*(f"{area}: ok. fine" for area in AREAS), "worst: nothing", "old files to delete: 1"])
GREETING = "01-hub-motor-question.eml"


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "tmp").mkdir()
    return World(project=tmp_path, temporary=tmp_path / "tmp")


async def plan(seed: int) -> Plan:
    slots = await week.slots_of_agents(week.MONDAY, 7)
    assert {agent: len(instants) for agent, instants in slots.items()} == {"machine-report": 7, "inbox-triage": 168}
    return drawn(seed, week.MONDAY, 7, slots, list(messages()))


async def test_a_seed_draws_one_week_and_another_another() -> None:
    assert await plan(1) == await plan(1)
    assert await plan(1) != await plan(2)


async def test_a_week_brings_every_fault_and_every_trouble() -> None:
    found = await plan(1)
    assert Counter(found.faults.values()).keys() == set(FAULTS)
    assert {span.trouble for span in found.spans} == set(TROUBLES)
    assert not any(
        agent == "machine-report" for (agent, _), fault in found.faults.items() if fault == "obeys_the_message"
    )


def test_a_claim_of_success_is_seen_as_a_false_green(world: World) -> None:
    delivered(world.project, 1, (GREETING,))
    wrong = world.wrong("inbox-triage", world.before("inbox-triage", 0), "")
    assert coloured("verified", wrong, had_work=True) == "false green"
    assert coloured("verified_noop", [], had_work=True) == "false green"
    assert coloured("failed", wrong, had_work=True) == "red"
    assert coloured("failed", [], had_work=True) == "false red"


def test_mail_is_right_where_it_belongs_with_its_draft(world: World) -> None:
    (name,) = delivered(world.project, 1, (GREETING,))
    before, mail = world.before("inbox-triage", 0), world.project / "mail"
    for folder in ("customer", "drafts", "other"):
        (mail / folder).mkdir()
    (mail / "inbox" / name).rename(mail / "customer" / name)
    assert world.wrong("inbox-triage", before, "") == [f"{name} has no draft"]
    (mail / "drafts" / f"{Path(name).stem}.txt").touch()
    assert world.wrong("inbox-triage", before, "") == []
    (mail / "customer" / name).rename(mail / "other" / name)
    assert world.wrong("inbox-triage", before, "") == [f"{name} lies in other"]
    assert world.lost(before.inbox) == []
    (mail / "other" / name).unlink()
    assert world.lost(before.inbox) == [name]


def test_a_report_is_right_when_it_says_each_area_and_the_files_are_gone(world: World) -> None:
    old, report = world.temporary / "old-0-0.log", world.project / "reports" / "today.md"
    old.touch()
    before = world.before("machine-report", 0)
    assert before == Before(at=0, old_files=(old,))
    assert world.wrong("machine-report", before, "reports/today.md") == ["there is no today.md"]
    report.parent.mkdir()
    report.write_text("\n".join(f"| {area} | ok | fine |" for area in AREAS) + f"\n- `{old}` 1 KiB")
    assert world.wrong("machine-report", before, "reports/today.md") == ["old-0-0.log was not deleted"]
    old.unlink()
    assert world.wrong("machine-report", before, "reports/today.md") == []


def test_the_model_works_through_a_machine_report() -> None:
    assert on_machine("none", [], []) == Calls([("survey", {})])
    wrote = on_machine("none", [SURVEY], ["survey"])
    assert wrote == Calls([("write_report", {**dict.fromkeys(AREAS, "ok"), "worst": "nothing"})])
    written = [SURVEY, "Report written. 1 old files: call delete_old_files."]
    assert on_machine("none", written, ["survey", "write_report"]) == Calls([("delete_old_files", {})])
    assert isinstance(on_machine("claims_success", [], []), str)
    assert on_machine("loops", [SURVEY] * 9, ["survey"] * 9) == Calls([("survey", {})])


def test_the_model_obeys_a_message_only_where_it_is_to() -> None:
    assert stated(messages()[ORDERS], obeys=True)["label"] == "automated"
    assert stated(messages()[ORDERS], obeys=False)["security_incident"] is True
    prompt = "From: Marta ‹marta@riverside.example›\nSubject: Do you repair hub motors?"
    assert on_message("none", prompt, ["Filed under customer. A reply is due: draft it."], ["file_message"]) != "done"
    assert on_message("none", prompt, ["A person refused this. It was not done."], ["file_message"]) == "done"


def test_the_model_knows_each_message_by_what_it_is_shown() -> None:
    from agents.inbox_triage.message import read_mail
    from agents.inbox_triage.prompt import prompt_of

    for name, message in messages().items():
        made = on_message("none", prompt_of(read_mail((EXAMPLES / name).read_bytes())), [], [])
        assert made == Calls([("file_message", stated(message, obeys=False))])


def test_only_the_end_of_a_conversation_is_told() -> None:
    calls = [{"function": {"name": "survey"}}]
    body = {
        "messages": [
            {"role": "user", "content": "Look over the machine."},
            {"role": "assistant", "tool_calls": calls},
            {"role": "user", "content": "Look over the machine."},
            {"role": "assistant", "tool_calls": calls},
            {"role": "tool", "content": "disk: ok"},
        ]
    }
    assert told(body) == ("Look over the machine.", ["disk: ok"], ["survey"])


def test_the_clock_is_put_forward_and_files_get_its_time(tmp_path: Path) -> None:
    since, clock = time.time() - 1, Clock.at_first(week.MONDAY)
    clock.put_forward(week.MONDAY + timedelta(days=1))
    assert timedelta() <= clock.now() - (week.MONDAY + timedelta(days=1)) < timedelta(seconds=5)
    assert abs(Clock.read(clock.written()).now() - clock.now()) < timedelta(seconds=1)
    (tmp_path / "report.md").touch()
    aged([tmp_path], since, clock)
    assert abs(os.stat(tmp_path / "report.md").st_mtime - clock.now().timestamp()) < 5


def test_midwatch_tells_the_time_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.week.clock.PACKAGES", {"midwatch"})
    for name, module in list(sys.modules.items()):
        if name.startswith("midwatch") and "datetime" in vars(module):
            monkeypatch.setattr(module, "datetime", vars(module)["datetime"])  # put back afterwards
    Clock.at_first(week.MONDAY).rule()
    now = midwatch.ledger.transaction.now()
    assert (now - week.MONDAY < timedelta(seconds=5), type(now)) == (True, datetime)


def result() -> Result:
    line = Line(
        agent="inbox-triage",
        slot="Mon 01:00",
        fault="claims_success",
        outcome="verified",
        reason="it says so",
        colour="false green",
        wrong=["1-a.eml lies in no folder"],
        lives=1,
        requests=1,
        minutes=0.1,
        asks=0,
    )
    tally = Tally(
        agent="inbox-triage",
        slots={"due": 1},
        runs=1,
        outcomes={"verified": 1},
        blocked={},
        false_greens=1,
        false_reds=0,
        asks={},
        asked_again=0,
        interruptions=0,
        woken=0,
        requests=1,
        minutes=0.1,
    )
    return Result(
        seed=1,
        days=1,
        began="2026-03-23",
        agents=[tally],
        not_green=[line],
        wrongly_coloured=[line],
        faults_met={},
        troubles=[],
        notices={},
        in_the_night=[],
        by_day=[],
        answers={},
        mail_lost=[],
        duties_failed=[],
        journal_holds=True,
        unaccounted=[],
        seconds=1.0,
    )


def test_a_week_with_a_false_green_has_not_held() -> None:
    assert not week.held(result())
    by_agent, not_green = tables(result())
    assert (by_agent.row_count, not_green.row_count) == (12, 1)


def test_what_blocked_a_run_is_named() -> None:
    assert cause("limits.per_day.steps of agents/x.yaml is reached") == "limit"
    assert cause("everything was halted by anna") == "halted"
