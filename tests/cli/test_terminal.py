"""The terminal prints letter for letter, and every command prints through it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.table import Table

from cli import terminal
from tests.conftest import PROJECT


@pytest.mark.parametrize("text", ["git push origin main:x:", "2001:db8:a:b::1", ":warning:"])
def test_no_letters_are_made_into_a_picture(text: str) -> None:
    table, console = Table(), terminal.console(soft_wrap=True)
    table.add_column("call")
    table.add_row(text)
    with console.capture() as capture:
        console.print(text, markup=False)
        console.print(f"[bold]{text}[/]")
        console.print(table)
    assert capture.get().count(text) == 3


def test_what_is_too_long_for_a_cell_ends_with_an_ellipsis() -> None:
    assert [terminal.cut(text, 4) for text in ("", "owls", "night")] == ["", "owls", "nig…"]


@pytest.mark.parametrize("module", sorted((PROJECT / "cli").glob("*.py")), ids=lambda path: path.stem)
def test_every_command_prints_through_the_terminal(module: Path) -> None:
    made = re.findall(r"(?<![\w.])Console\(", module.read_text(encoding="utf-8"))
    assert len(made) == (1 if module.stem == "terminal" else 0)
