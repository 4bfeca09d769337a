"""What may stand in a contract, and where."""

from __future__ import annotations

from typing import Any

import pytest

from midwatch.agent_file import parse_agent
from midwatch.contract import INVARIANT_KINDS, Check
from midwatch.contract.check import KINDS
from midwatch.errors import SpecFaults

HEAD = "name: a\ndescription: d\ninstructions: i\ntools:\n  - write_file: {root: work}\n"
EXAMPLES: dict[str, str] = {
    "file": "{path: a}",
    "files": "{glob: 'a/*'}",
    "command": "{argv: ['true']}",
    "http": "{url: 'http://127.0.0.1/'}",
    "sql": "{url_env: U, query: SELECT 1, equals: 1}",
    "python": "a.b:c",
    "unchanged": "{apart_from: ['work/**']}",
    "one_place": "{inputs: 'in/*', places: ['out/*']}",
    "change": "{file: count, by: 1}",
    "effects": "{tool: write_file, equals: 1}",
}


def said(part: str, check: str) -> str:
    """What is wrong with an agent whose contract has this one check; "" where nothing is."""
    text = f"{HEAD}contract:\n  {part}:\n    - {check}\n"
    try:
        parse_agent(text, path="a.yaml", stem="a")
    except SpecFaults as error:
        return str(error)
    return ""


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_when_it_is_done(kind: str) -> None:
    assert said("done_when", f"{kind}: {EXAMPLES[kind]}") == ""


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_is_cheap_is_an_invariant(kind: str) -> None:
    fault = said("invariants", f"{kind}: {EXAMPLES[kind]}")
    assert (fault == "") == (kind in INVARIANT_KINDS)
    assert not fault or f"a.yaml:8: contract.invariants[0]: `{kind}` is no invariant" in fault


@pytest.mark.parametrize("kind", KINDS)
def test_what_compares_with_the_start_says_nothing_before_it(kind: str) -> None:
    fault = said("noop_when", f"{kind}: {EXAMPLES[kind]}")
    assert bool(fault) == (kind in {"unchanged", "one_place", "change", "effects"})
    assert not fault or f"`{kind}` says nothing before the first step" in fault


@pytest.mark.parametrize(
    ("check", "fault"),
    [
        ("files: {glob: 'a/[x]'}", "contract.done_when[0].files.glob: `a/[x]` is no path pattern: '[' has no meaning"),
        ("files: {glob: '../a'}", "does not climb"),
        ("files: {glob: '/etc/*'}", "`/etc/*` must be relative to the project"),
        ("files: {glob: 'a/*', at_least: 3, at_most: 2}", "at least 3 and at most 2"),
        ("unchanged: {within: 'a*'}", "one folder, not a pattern"),
        ("unchanged: {apart_from: ['a**']}", "`**` stands alone"),
        ("one_place: {inputs: 'a', places: ['{input.x}/*']}", "the run's input has no 'x'"),
        ("change: {file: a}", "exactly one of: by, by_at_least"),
        ("change: {by: 1}", "exactly one of: sql, file"),
        ("effects: {tool: write_file}", "one of: equals, at_least, at_most"),
        ("effects: {tool: write_file, equals: 1, at_most: 2}", "not with both"),
        ("effects: {tool: write_fil, equals: 1}", "`write_fil` is not one of its tools; did you mean `write_file`?"),
        ("effects: {tool: read_file, equals: 1}", "`read_file` has no effects to count"),
        ("{file: {path: a}, files: {glob: a}}", "exactly one of: file, files, command"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_reason(check: str, fault: str) -> None:
    assert fault in said("done_when", check)


def test_how_many_files_are_wanted_is_one_unless_it_says_otherwise() -> None:
    def least(**facts: Any) -> int:
        check = Check.model_validate({"files": {"glob": "a/*", **facts}}).files
        assert check is not None
        return check.least

    assert (least(), least(at_most=0), least(at_least=0), least(at_least=2, at_most=5)) == (1, 0, 0, 2)
