"""A file that became another between the question and the yes is never written over, whichever yes it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from midwatch.ledger import AskRow, Ledger
from midwatch.request import numbered
from tests.tasks.harness.lives import Run, Script
from tests.tasks.harness.test_planted import Story, started

LONG = "line\n" * 5_001


@pytest.fixture
async def ledger(ledger: Ledger) -> Ledger:
    await started(ledger, "run")
    return ledger


async def asked(ledger: Ledger, project: Path, old: bytes, new: str) -> tuple[Run, Path, AskRow]:
    """A run that waits for a yes to a file, over a file that holds `old`."""
    (project / "work").mkdir()
    (file := project / "work" / "notes.txt").write_bytes(old)
    script = Script([[("write_file", {"path": "notes.txt", "content": new})], "done"])
    tools, rules = [{"write_file": {"root": "work"}}], {"ask": ["write_file"]}
    run = Run(ledger=ledger, project=project, script=script, tools=tools, rules=rules)
    await run.life()
    (row,) = await ledger.asks_of("run")
    return run, file, row


async def said(ledger: Ledger, project: Path, row: AskRow, **edit: str) -> None:
    yes: dict[str, Any] = {"edited_args_json": json.dumps({**json.loads(row.args_json), **edit})} if edit else {}
    await Story(ledger, project, "run", Script([])).say(row, "edited" if edit else "approved", **yes)


async def approved(ledger: Ledger, project: Path, old: bytes, edit: dict[str, str]) -> tuple[Run, Path]:
    """A run whose yes has been said, before its next life."""
    run, file, row = await asked(ledger, project, old, "agent's\n")
    await said(ledger, project, row, **edit)
    return run, file


OLD = [b"old\n", b"line\n" * 5_001, b"\xff\xfe old"]
EDITS: list[dict[str, str]] = [{}, {"content": "a person's\n"}, {"path": "./notes.txt", "content": "a person's\n"}]


@pytest.mark.parametrize("old", OLD, ids=["text", "long", "binary"])
@pytest.mark.parametrize("edit", EDITS, ids=["approved", "edited", "otherwise named"])
async def test_what_somebody_wrote_meanwhile_stays(
    ledger: Ledger, tmp_path: Path, old: bytes, edit: dict[str, str]
) -> None:
    run, file = await approved(ledger, tmp_path, old, edit)
    file.write_bytes(old + b"a day of work\n")
    ending = await run.life()
    assert (file.read_bytes(), len(ending.refusals)) == (old + b"a day of work\n", 1)


@pytest.mark.parametrize("old", OLD, ids=["text", "long", "binary"])
@pytest.mark.parametrize("edit", EDITS, ids=["approved", "edited", "otherwise named"])
async def test_where_nobody_wrote_the_yes_holds(
    ledger: Ledger, tmp_path: Path, old: bytes, edit: dict[str, str]
) -> None:
    run, file = await approved(ledger, tmp_path, old, edit)
    await run.life()
    assert file.read_text() == edit.get("content", "agent's\n")


async def test_an_edit_to_another_place_holds_only_where_nothing_stands(ledger: Ledger, tmp_path: Path) -> None:
    run, file, row = await asked(ledger, tmp_path, b"old\n", "agent's\n")
    (other := tmp_path / "work" / "other.txt").write_text("of somebody\n")
    await said(ledger, tmp_path, row, path="other.txt")
    await run.life()
    assert (other.read_text(), file.read_text()) == ("of somebody\n", "old\n")


async def test_what_is_too_long_to_compare_is_shown_whole_and_as_what_it_replaces(
    ledger: Ledger, tmp_path: Path
) -> None:
    _, _, row = await asked(ledger, tmp_path, b"old\n", LONG)
    named = {piece.label: (piece.form, piece.text) for piece in numbered([row])[0].pieces}
    assert named["content"] == ("argument", LONG)
    assert named["path"] == ("argument", "notes.txt")
    assert named["What it would change"][1].startswith("It replaces a file (4 bytes, SHA-256 ")
