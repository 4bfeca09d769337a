"""All files that a pattern means, counted and looked into."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from midwatch.contract import FilesCheck, Finding
from midwatch.errors import SpecError
from midwatch.run import RunFacts
from tasks.monitoring.checks import files
from tasks.monitoring.checks.folder import Looking
from tasks.monitoring.evidence import CannotLook


@pytest.fixture
def out(facts: RunFacts) -> RunFacts:
    (facts.project / "out" / "deep").mkdir(parents=True)
    for name in ("a.json", "b.json", "deep/c.json", "note.txt"):
        (facts.project / "out" / name).write_text('{"total": 1}')
    return facts


async def found(facts: RunFacts, **check: Any) -> Finding:
    return await files.look(FilesCheck(**{"glob": "out/*.json", **check}), "files", facts)


@pytest.mark.parametrize(
    ("check", "held", "said"),
    [
        ({}, True, "2 files: out/a.json, out/b.json"),
        ({"glob": "out/**/*.json", "at_least": 3}, True, "3 files"),
        ({"at_least": 3}, False, "expected at least 3 files out/*.json, found 2"),
        ({"at_most": 1}, False, "expected at most 1 files out/*.json, found 2"),
        ({"glob": "in/*.eml", "at_most": 0}, True, "0 files"),
        ({"glob": "in/*.eml"}, False, "expected at least 1 files in/*.eml, found 0"),
        ({"contains": ["total"], "min_bytes": 5, "newer_than_start": True}, True, "2 files"),
        ({"contains": ["sum"]}, False, "out/a.json: it does not contain 'sum'; out/b.json: it does not"),
        ({"json_schema": {"required": ["sum"]}}, False, "'sum' is a required property"),
        ({"glob": "out/*", "json_schema": {"required": ["total"]}}, True, "3 files"),
    ],
)
async def test_they_are_counted_and_each_is_looked_into(
    out: RunFacts, check: dict[str, Any], held: bool, said: str
) -> None:
    finding = await found(out, **check)
    assert (finding.held, said in finding.detail) == (held, True), finding.detail


async def test_one_old_file_among_many_does_not_hold(out: RunFacts) -> None:
    long_ago = out.started_at.timestamp() - 60
    os.utime(out.project / "out" / "b.json", (long_ago, long_ago))
    finding = await found(out, newer_than_start=True)
    assert not finding.held
    assert finding.detail.startswith("out/b.json: last changed ")


async def test_a_schema_may_stand_in_a_file_of_its_own(out: RunFacts) -> None:
    (out.project / "total.schema.json").write_text('{"properties": {"total": {"const": 2}}}')
    finding = await found(out, json_schema="total.schema.json")
    assert "2 was expected" in finding.detail


async def test_a_link_is_no_file_of_the_folder_and_yet_one_too_many(out: RunFacts) -> None:
    (out.project / "out" / "z.json").symlink_to("/etc/hostname")
    assert (await found(out)).detail == "2 files: out/a.json, out/b.json"
    assert (await found(out, at_least=3)).detail == "expected at least 3 files out/*.json, found 2"
    assert (await found(out, at_most=2)).detail == "expected at most 2 files out/*.json, found 2 and 1 links"


@pytest.mark.parametrize("value", ["*", "../../etc", "a[b]"])
async def test_what_an_input_says_never_widens_a_pattern(out: RunFacts, value: str) -> None:
    facts = replace(out, input={"day": value})
    with pytest.raises(SpecError):
        await found(facts, glob="out/{input.day}.json")


def test_a_folder_that_is_too_large_or_outside_is_not_looked_at(out: RunFacts) -> None:
    with pytest.raises(CannotLook, match="more than 2 files and folders"):
        Looking(project=out.project, most_entries=2).matching("out/*", out)
    looking = Looking(project=out.project, most_bytes=20)
    looking.digest("out/a.json")
    with pytest.raises(CannotLook, match="more than 20 bytes"):
        looking.digest("out/b.json")
    (out.project / "away").symlink_to("/etc")
    with pytest.raises(CannotLook, match="outside the project"):
        Looking(project=out.project).matching("away/*", out)
