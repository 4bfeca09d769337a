"""Whoever is judged does not write the judge: a tool that could is refused, by its name and the path."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from midwatch.errors import SpecError
from midwatch.spec import AgentSpec
from tasks.monitoring.own_judges import own_judges, refuse_own_judges


def agent(tools: list[Any], *checks: dict[str, Any]) -> AgentSpec:
    facts: dict[str, Any] = {"name": "a", "description": "d", "instructions": "i"}
    return AgentSpec.model_validate({**facts, "tools": tools, "contract": {"done_when": list(checks)}})


def faults(project: Path, tool: str, root: str, check: dict[str, Any]) -> list[str]:
    return own_judges(agent([{tool: {"root": root}}], check), project)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "out.json").write_text("{}")
    (tmp_path / "work" / "tool").write_text("#!/bin/sh\n")
    (tmp_path / "checks").mkdir()
    return tmp_path


def runs(*argv: str, data: list[str] | None = None) -> dict[str, Any]:
    return {"command": {"argv": list(argv), "data": data or []}}


@pytest.mark.parametrize(
    ("check", "path"),
    [
        (runs("work/check.sh"), "work/check.sh"),
        (runs("./work/not-there-yet"), "work/not-there-yet"),
        (runs("python3", "-u", "work/check"), "work/check"),
        (runs("python3", "-m", "work.check"), "work/check.py"),
        (runs("python3", "-m", "unittest", "work.check.Case"), "work/check/Case.py"),
        (runs("env", "work/tool", "x"), "work/tool"),
        (runs("sqlite3", "shop.db", "-init", "work/read.sql"), "work/read.sql"),
        (runs("timeout", "5", "work/tool"), "work/tool"),
        (runs("timeout", "5", "bash", "work/verify"), "work/verify"),
        (runs("env", "A=1", "work/verify"), "work/verify"),
        (runs("python3", "-W", "error", "work/verify"), "work/verify"),
        (runs("pytest", "work"), "work"),
        (runs("make", "-C", "work", "verify"), "work"),
        (runs("make", "-Cwork", "verify"), "work"),
        (runs("npm", "--prefix=work/app", "test"), "work/app"),
        (runs("sh", "-c", "cd work && ./verify"), "work"),
        (runs("pytest", "."), "work in ."),
        (runs("pytest", "-q", "work/../checks/.."), "work in ."),
        (runs("python3", "-m", "pytest", "."), "work in ."),
        (runs("make", "-C", ".."), "work in .."),
        (runs("make", "-C..", "verify"), "work in .."),
        (runs("sh", "-c", "cd . && pytest"), "work in ."),
        (runs("diff", "expected.txt", "work/out.txt", data=["expected.txt"]), "work/out.txt"),
        ({"file": {"path": "x", "json_schema": "work/x.schema.json"}}, "work/x.schema.json"),
        ({"files": {"glob": "x/*", "json_schema": "work/x.schema.json"}}, "work/x.schema.json"),
    ],
)
@pytest.mark.parametrize("tool", ["write_file", "delete_file", "shell"])
def test_what_a_tool_could_write_is_named_with_the_tool(
    project: Path, tool: str, check: dict[str, Any], path: str
) -> None:
    found = faults(project, tool, "work", check)
    assert [fault for fault in found if fault.startswith(f"{tool} could write {path}, ")], found


@pytest.mark.parametrize(
    "check",
    [
        runs("diff", "expected.txt", "work/out.txt", data=["./work/out.txt"]),
        runs("python3", "checks/check.py", "--of=work/out.json", data=["work/out.json"]),
        runs("git", "-C", "work", "push", "--dry-run", data=["work"]),
        runs("make", "-C", "checks", "work.csv", "network"),
        runs("git", "diff", "--quiet", ".", data=["."]),
        runs("python3", "-m", "pytest", "checks/..data", "..."),
        {"file": {"path": "work/out.json", "json_schema": {"type": "object"}}},
        {"file": {"path": "work/out.json", "json_schema": "checks/x.schema.json"}},
    ],
)
def test_what_is_only_looked_at_may_be_the_agents_own(project: Path, check: dict[str, Any]) -> None:
    assert faults(project, "write_file", "work", check) == []
    assert faults(project, "read_file", "checks", check) == []


def test_a_link_does_not_hide_it_from_either_side(project: Path) -> None:
    (project / "checks" / "there.py").symlink_to("../work/real.py")
    assert faults(project, "shell", "work", runs("python3", "checks/there.py"))
    (project / "other").symlink_to("checks")
    assert faults(project, "shell", "other", runs("python3", "checks/check.py"))
    (project / "work" / "away.py").symlink_to("../checks/check.py")
    assert faults(project, "shell", "work", runs("python3", "work/away.py"))


def test_a_module_and_what_it_rests_on_are_found(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = project / "judges"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "inner").mkdir()
    (package / "inner" / "deep.py").write_text("")
    (package / "contract.py").write_text("from judges.inner import deep\ndef look(facts): return []\n")
    monkeypatch.syspath_prepend(str(project))
    check = {"python": "judges.contract:look"}
    try:
        found = faults(project, "write_file", "judges", check)
        inner = faults(project, "write_file", "judges/inner", check)
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "judges"]:
            del sys.modules[name]
    assert {fault.split(", ")[0] for fault in found} == {
        f"write_file could write judges/{name}.py" for name in ("contract", "inner/deep", "__init__")
    }
    assert len(inner) == 1
    assert faults(project, "write_file", "work", check) == []


def test_its_own_file_is_one_of_them(project: Path) -> None:
    with pytest.raises(SpecError, match=r"write_file could write agents/a\.yaml, its own file"):
        refuse_own_judges(agent([{"write_file": {"root": "agents"}}]), project)
    refuse_own_judges(agent([{"write_file": {"root": "work"}}]), project)
