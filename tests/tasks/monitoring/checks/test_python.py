"""An agent's own check is a function; whatever it does, it neither passes by accident nor holds anybody up."""

from __future__ import annotations

import asyncio
import importlib
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from midwatch.contract import Finding
from midwatch.errors import SpecError
from midwatch.run import RunFacts
from tasks.monitoring.checks import python

MODULE = """
import asyncio, threading
from midwatch.contract import Finding

def seen(facts):
    return [Finding(check="a", held=True, detail=facts.run_id), Finding(check="b", held=False, detail="no")]

async def seen_later(facts):
    await asyncio.sleep(0)
    return [Finding(check="later", held=True, detail=threading.current_thread().name)]

def nothing(facts):
    return []

def true(facts):
    return True

def raises(facts):
    raise LookupError("no such mailbox")

def leaves(facts):
    raise SystemExit(0)
"""


@pytest.fixture
def name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    (tmp_path / "own_checks.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_checks", raising=False)
    return lambda function: f"own_checks:{function}"


async def test_its_findings_are_taken_as_they_are(name: Callable[[str], str], facts: RunFacts) -> None:
    found = await python.look(name("seen"), "own", facts)
    assert [(finding.check, finding.held, finding.detail) for finding in found] == [
        ("a", True, "4f1c"),
        ("b", False, "no"),
    ]


async def test_it_may_be_async_and_still_has_a_thread_of_its_own(name: Callable[[str], str], facts: RunFacts) -> None:
    (finding,) = await python.look(name("seen_later"), "own", facts)
    assert finding == Finding(check="later", held=True, detail="contract seen_later")
    assert threading.current_thread().name != finding.detail


@pytest.mark.parametrize(("function", "said"), [("nothing", "no finding"), ("true", "returned bool")])
async def test_what_is_no_finding_confirms_nothing(
    name: Callable[[str], str], facts: RunFacts, function: str, said: str
) -> None:
    (finding,) = await python.look(name(function), "own", facts)
    assert (finding.check, finding.held, finding.looked) == ("own", False, False)
    assert said in finding.detail


@pytest.mark.parametrize(("function", "error"), [("raises", LookupError), ("leaves", RuntimeError)])
async def test_what_it_raises_is_raised_here(
    name: Callable[[str], str], facts: RunFacts, function: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await python.look(name(function), "own", facts)


async def test_a_function_that_is_not_there_is_told_with_the_nearest(
    name: Callable[[str], str], facts: RunFacts
) -> None:
    with pytest.raises(SpecError, match="did you mean `seen`"):
        await python.look(name("sen"), "own", facts)


async def test_one_that_hangs_is_left_behind(
    name: Callable[[str], str], facts: RunFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()
    monkeypatch.setattr(importlib.import_module("own_checks"), "hangs", lambda facts: release.wait(30), raising=False)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await python.look(name("hangs"), "own", facts)
    release.set()
