"""The climb: what was written down is a whole story, its agent is one that can climb, and a missing step is said."""

from __future__ import annotations

import json
from math import log
from pathlib import Path

from benchmarks.climb.__main__ import RESULTS, held, kept, summary
from benchmarks.climb.house import AGENT, BAD, CALLS, FILE, Writer
from midwatch.agent_file import load_agent
from midwatch.agents import Agents
from midwatch.ladder import ALPHA
from tests.flows.wires import Calls, Heard

RESULT = json.loads(RESULTS.read_text())
EVENTS = {look["event"]: look for look in RESULT["looks"] if look["event"]}


def heard(spoken: int) -> Heard:
    return Heard(model=AGENT, spoken=spoken, prompt="", length=0)


def test_every_step_of_the_story_happened() -> None:
    assert held(RESULT["steps"])
    assert RESULT["outcomes"] == ["verified"]


def test_a_step_that_did_not_happen_is_said_and_so_is_a_story_without_steps() -> None:
    told = {**RESULT, "steps": {**RESULT["steps"], "it rained": False}}
    assert not held(told["steps"])
    assert "NO   it rained" in summary(told)
    assert not held({})


def test_it_was_promoted_at_the_threshold_fell_to_one_and_climbed_all_of_it_again() -> None:
    first, fell, second = (EVENTS[name] for name in ("first promotion", "reported: it falls", "second promotion"))
    assert first["day"] < fell["day"] < second["day"]
    assert min(first["log_e"], second["log_e"]) >= -log(ALPHA) > 0 >= fell["log_e"]
    assert [look["stands"] for look in (first, fell, second)] == ["allow", "ask", "allow"]


def test_nothing_went_unasked_before_there_was_evidence_enough() -> None:
    assert {look["unasked"] for look in RESULT["looks"] if look["at"] < EVENTS["first promotion"]["at"]} == {0}


def test_the_agents_file_holds(tmp_path: Path) -> None:
    (tmp_path / f"{AGENT}.yaml").write_text(FILE)
    spec = load_agent(AGENT, tmp_path)
    assert spec.ceiling == 4


def test_what_is_kept_is_a_home_of_which_the_page_can_be_shown(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / f"{AGENT}.yaml").write_text(FILE)
    (tmp_path / "ledger.db").write_bytes(b"rows")
    kept(tmp_path, tmp_path, tmp_path / "home")
    assert (tmp_path / "home" / "ledger.db").read_bytes() == b"rows"
    assert list(Agents(folder=tmp_path / "home" / "agents").every()[0]) == [AGENT]


def test_the_model_writes_its_notes_once_and_one_of_them_may_be_bad() -> None:
    writer = Writer()
    writer.begin("monday")
    first = writer.turn(heard(0))
    assert isinstance(first, Calls)
    assert len({args["path"] for _, args in first.calls if not isinstance(args, str)}) == CALLS
    assert BAD not in str(first)
    assert writer.turn(heard(1)) == "done"
    writer.begin("tuesday", bad=True)
    assert str(writer.turn(heard(0))).count(BAD) == 1


def test_what_happens_meanwhile_happens_before_the_next_call() -> None:
    happened: list[str] = []
    writer = Writer()
    writer.begin("monday", meanwhile=lambda: happened.append("reported"))
    assert (writer.turn(heard(0)), happened)[1] == []
    later = writer.turn(heard(1))
    assert isinstance(later, Calls)
    assert len(later.calls) == 1
    assert happened == ["reported"]
