"""The code behind an agent's Python tools: its text counts wherever it stands beside them, and nothing of it is run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from midwatch.fingerprint import changed, fingerprint_of
from midwatch.spec import AgentSpec
from midwatch.tool_sources import sources_of


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An importable package that no other test has."""
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tmp_path / f"acme_{uuid4().hex}"
    (folder / "deep").mkdir(parents=True)
    return folder


def wrote(package: Path, **texts: str) -> None:
    for name, text in texts.items():
        (package / f"{name}.py").write_text(text.replace("PACKAGE", package.name))


def agent(package: Path, **tool: Any) -> AgentSpec:
    tools = [{"python": f"{package.name}.tools:send", **tool}]
    return AgentSpec.model_validate({"name": "a", "description": "d", "instructions": "i", "tools": tools})


@pytest.mark.parametrize(
    "line",
    [
        "from . import wire",
        "from .wire import post",
        "from PACKAGE import wire",
        "import PACKAGE.wire",
        "from .between import post",
        "def later():\n    from PACKAGE.wire import post",
    ],
)
def test_a_change_of_what_the_tool_imports_beside_it_is_another_agent(line: str, package: Path) -> None:
    wrote(package, tools=line, between="from .wire import *", wire="post = 1")
    spec = agent(package)
    before = fingerprint_of(spec)
    assert fingerprint_of(spec) == before
    wrote(package, wire="post = 22")
    assert changed(before, fingerprint_of(spec)) == ("tools",)
    wrote(package, wire="post = 1")
    assert fingerprint_of(spec) == before


def test_a_change_of_the_tools_own_code_is_another_agent(package: Path) -> None:
    wrote(package, tools='def send(to: str) -> str:\n    """Send."""\n    return to\n')
    spec = agent(package)
    before = fingerprint_of(spec)
    wrote(package, tools='def send(to: str) -> str:\n    """Send it."""\n    return to\n')
    assert changed(before, fingerprint_of(spec)) == ("tools",)


@pytest.mark.parametrize(
    "bind", ["PACKAGE.figures:now", ["{python:PACKAGE.figures:now}"], {"at": "PACKAGE.figures:now"}]
)
def test_what_code_fills_in_is_part_of_the_tool(bind: Any, package: Path) -> None:
    wrote(package, tools="", figures="now = 1")
    named = eval(repr(bind).replace("PACKAGE", package.name))
    assert sorted(sources_of(agent(package, bind={"value": named}))) == [
        f"{package.name}.figures",
        f"{package.name}.tools",
    ]


def test_nothing_of_it_is_run_and_what_is_no_python_counts_as_text(package: Path) -> None:
    wrote(package, __init__="raise SystemExit", tools="import PACKAGE.broken\nraise SystemExit", broken="def (")
    found = sources_of(agent(package))
    assert sorted(found) == [f"{package.name}.broken", f"{package.name}.tools"]
    assert not [name for name in sys.modules if name.startswith(package.name)]


def test_the_ends_of_lines_are_no_part_of_the_text(package: Path) -> None:
    wrote(package, tools="a = 1\nb = 2\n")
    before = sources_of(agent(package))
    (package / "tools.py").write_bytes(b"a = 1\r\nb = 2\r\n")
    assert sources_of(agent(package)) == before


def test_what_others_wrote_and_midwatch_itself_are_no_part_of_the_agent(package: Path) -> None:
    wrote(package, tools="import json, httpx\nfrom midwatch.risk import tool\nfrom tasks.tools import build_toolsets")
    assert list(sources_of(agent(package))) == [f"{package.name}.tools"]
    assert sources_of(agent(package).model_copy(update={"tools": []})) == {}


def test_a_module_that_is_not_there_yet_counts_once_it_is(package: Path) -> None:
    before = fingerprint_of(agent(package))
    wrote(package, tools="a = 1")
    sys.path_importer_cache.clear()
    assert changed(before, fingerprint_of(agent(package))) == ("tools",)


def test_a_new_version_of_midwatch_is_no_other_agent(package: Path) -> None:
    assert sources_of(agent(package, python="tasks.tools.ask_human:ask_human_tool")) == {}
