"""The contract as a whole: every check is answered, in order, whatever happens to one of them."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pytest

from midwatch.contract import Check, Contract, Finding
from midwatch.judgment import seen
from midwatch.run import RunFacts
from tasks.monitoring.contract import before, check_contract, needs_a_before, title
from tasks.monitoring.evidence import Evidence


def contract(*checks: dict[str, Any]) -> Contract:
    return Contract.model_validate({"done_when": list(checks)})


def program(code: str, **options: Any) -> dict[str, Any]:
    return {"command": {"argv": [sys.executable, "-c", code], **options}}


async def test_findings_come_in_the_order_of_the_file(facts: RunFacts) -> None:
    (facts.project / "a").touch()
    found = await check_contract(
        contract(
            program("import time; time.sleep(0.2)"), {"file": {"path": "a"}}, program(""), {"file": {"path": "b"}}
        ),
        facts,
        which="done_when",
    )
    assert [finding.held for finding in found] == [True, True, True, False]
    assert [finding.check for finding in found][1::2] == ["file a", "file b"]


async def test_only_the_part_that_was_asked_for_is_checked(facts: RunFacts) -> None:
    both = Contract.model_validate(
        {"done_when": [{"file": {"path": "a"}}], "noop_when": [{"file": {"path": "b"}, "name": "inbox"}]}
    )
    (finding,) = await check_contract(both, facts, which="noop_when")
    assert finding.check == "inbox"


async def test_no_contract_finds_nothing_and_so_confirms_nothing(facts: RunFacts) -> None:
    found = await check_contract(Contract(), facts, which="done_when")
    assert found == []
    assert seen(found) == "nothing_to_check"


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ({"file": {"path": "{input.night}"}}, "the run's input has no 'night'"),
        ({"file": {"path": "a", "json_schema": {"type": "no such type"}}}, "no such type"),
        ({"python": "no_such_module_anywhere:check"}, "no_such_module_anywhere"),
        ({"python": "os:getcwdb"}, "TypeError"),
        ({"file": {"path": "a\0b"}}, "ValueError"),
    ],
)
async def test_a_check_that_throws_did_not_hold_and_says_why(facts: RunFacts, check: dict[str, Any], said: str) -> None:
    (facts.project / "a").write_text("{}")
    (finding,) = await check_contract(contract(check), facts, which="done_when")
    assert (finding.held, finding.looked) == (False, False)
    assert said in finding.detail
    assert seen([finding]) == "not_seen"


async def test_the_contract_as_a_whole_has_a_deadline(facts: RunFacts) -> None:
    (facts.project / "a").touch()
    slow = program("import time; time.sleep(60)")
    started = time.monotonic()
    found = await check_contract(
        contract(slow, slow, {"file": {"path": "a"}}), facts, which="done_when", at_most_seconds=0.5
    )
    assert time.monotonic() - started < 10
    assert [(finding.held, finding.looked) for finding in found] == [(False, False), (False, False), (True, True)]
    assert "the time for the whole contract was used up" in found[1].detail


async def test_there_is_rightly_nothing_to_do_only_where_there_is_a_place_for_it(facts: RunFacts) -> None:
    inbox = Contract.model_validate({"noop_when": [{"files": {"glob": "mail/inbox/*.eml", "at_most": 0}}]})
    found = await check_contract(inbox, facts, which="noop_when")
    assert (seen(found), found[0].detail.split(":")[0]) == ("not_seen", "there is no folder mail/inbox")
    (facts.project / "mail" / "inbox").mkdir(parents=True)
    assert seen(await check_contract(inbox, facts, which="noop_when")) == "holds"


@pytest.mark.parametrize(
    ("check", "name"),
    [
        ({"file": {"path": "a"}}, "file a"),
        ({"command": {"argv": ["git", "status"]}}, "command git status"),
        ({"http": {"url": "http://a"}}, "GET http://a"),
        ({"sql": {"url_env": "U", "query": "SELECT 1", "equals": 1}}, "sql SELECT 1"),
        ({"python": "a:b"}, "python a:b"),
        ({"files": {"glob": "a/*"}}, "files a/*"),
        ({"unchanged": {}}, "unchanged in ."),
        ({"one_place": {"inputs": "a/*", "places": ["b/*"]}}, "a/* in one place"),
        ({"change": {"file": "count", "by": 1}}, "change of count"),
        ({"change": {"sql": {"url_env": "U", "query": "SELECT 1"}, "by": 1}}, "change of SELECT 1"),
        ({"effects": {"tool": "send", "equals": 1}}, "effects of send"),
        ({"python": "a:b", "name": "backup"}, "backup"),
    ],
)
def test_a_check_without_a_name_is_called_by_what_it_does(check: dict[str, Any], name: str) -> None:
    assert title(Check.model_validate(check)) == name


def test_a_finding_that_could_not_look_can_not_hold() -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        Finding(check="a", held=True, looked=False, detail="")


COMPARED = Contract.model_validate(
    {
        "done_when": [
            {"change": {"file": "count", "by": 1}},
            {"one_place": {"inputs": "in/*", "places": ["out/*"]}},
        ],
        "invariants": [{"unchanged": {"apart_from": ["count", "out/*", "in/*"]}}],
    }
)


async def test_what_was_written_down_before_is_what_is_compared_with(facts: RunFacts) -> None:
    (facts.project / "in").mkdir()
    (facts.project / "in" / "a").write_text("a")
    (facts.project / "count").write_text("1")
    known = Evidence(before=json.loads(json.dumps(await before(COMPARED, facts))))
    (facts.project / "count").write_text("2")
    (facts.project / "in").rename(facts.project / "out")
    for part in ("done_when", "invariants"):
        found = await check_contract(COMPARED, facts, which=part, evidence=known)
        assert [finding.held for finding in found] == [True] * len(found), found
    (facts.project / "new").touch()
    (finding,) = await check_contract(COMPARED, facts, which="invariants", evidence=known)
    assert (finding.held, finding.looked) == (False, True)


async def test_without_what_was_before_nothing_that_is_compared_holds(facts: RunFacts) -> None:
    (facts.project / "in").mkdir()
    missing = Evidence(before=await before(COMPARED, facts))  # no file `count`, so no number
    found = await check_contract(COMPARED, facts, which="done_when", evidence=missing)
    assert [(finding.held, finding.looked) for finding in found] == [(False, False), (True, True)]
    assert "it could not look when the run began" in found[0].detail
    found = await check_contract(COMPARED, facts, which="done_when")
    assert {finding.detail for finding in found} == {
        "nothing was written down when the run began, so nothing can be compared"
    }


def test_only_what_is_compared_needs_a_before() -> None:
    assert needs_a_before(COMPARED)
    assert not needs_a_before(contract({"file": {"path": "a"}}, {"effects": {"tool": "send", "equals": 1}}))
