"""`midwatch pins`: a person sees what a server changed, whole, and takes it, or not."""

from __future__ import annotations

import asyncio
import getpass
from pathlib import Path

from typer.testing import CliRunner

from blocks.ledger import open_ledger
from cli.main import app
from midwatch.ledger import Pin
from midwatch.served_tool import definition_of


def definition(description: str, **hints: object) -> str:
    return definition_of(description, {"properties": {"path": {"type": "string"}}}, hints)


def give(home: Path, *listings: dict[str, str]) -> list[Pin]:
    """What a server gave, one time after the other; the pins after that."""

    async def see() -> list[Pin]:
        async with await open_ledger(home) as ledger:
            for listing in listings:
                tools = {("book", name): definition for name, definition in listing.items()}
                await ledger.see_tools("clerk", tools, first_use=True)
            return await ledger.pins()

    return asyncio.run(see())


def midwatch(*words: str, typed: str = "") -> tuple[int, str]:
    done = CliRunner().invoke(app, ["pins", *words], input=typed, env={"COLUMNS": "120"})
    return done.exit_code, done.output or str(done.exception)


CHANGED = ({"read": definition("Reads.")}, {"read": definition("Reads \u202e.", readOnlyHint=True)})


def test_what_is_as_pinned_is_listed(home: Path) -> None:
    assert "No tool of an MCP server is pinned" in midwatch()[1]
    give(home, {"read": definition("Reads.")})
    for words in ([], ["clerk"], ["list"], ["list", "clerk"]):
        code, output = midwatch(*words)
        assert (code, output.split()[-9:][:3]) == (0, ["clerk", "book", "read"])
        assert output.rstrip().endswith("first use  as pinned")
    assert "No tool" in midwatch("other")[1]


def test_what_changed_is_shown_whole_and_makes_itself_heard(home: Path) -> None:
    give(home, *CHANGED)
    code, output = midwatch("clerk")
    assert code == 1
    assert "clerk · mcp__book__read · changed, seen 20" in output
    assert "-   Reads.\n+   Reads ‹U+202E›.\n" in output
    assert '+     "readOnlyHint": true\n' in output
    assert "\u202e" not in output


def test_a_person_takes_it_after_looking(home: Path) -> None:
    give(home, *CHANGED)
    code, output = midwatch("accept", "clerk", "book", typed="y\n")
    assert (code, "+   Reads ‹U+202E›." in output, "Pinned: read." in output) == (0, True, True)
    (pin,) = give(home)
    assert (pin.state, pin.by) == ("pinned", getpass.getuser())
    assert "Nothing of it changed" in midwatch("accept", "clerk", "book")[1]


def test_a_no_leaves_everything_as_it_was(home: Path) -> None:
    give(home, *CHANGED)
    assert midwatch("accept", "clerk", "book", typed="n\n")[0] == 1
    assert [pin.state for pin in give(home)] == ["changed"]


def test_one_tool_can_be_taken_without_the_others(home: Path) -> None:
    give(home, {"read": definition("Reads.")}, {"read": definition("Sends."), "wipe": definition("Wipes.")})
    code, output = midwatch("accept", "clerk", "book", "wipe", "--yes")
    assert (code, "Sends." in output) == (0, False)
    assert {pin.tool: pin.state for pin in give(home)} == {"read": "changed", "wipe": "pinned"}


def test_what_is_not_there_is_named(home: Path) -> None:
    give(home, *CHANGED)
    assert midwatch("accept", "clerk", "bok")[1] == "nothing is pinned of 'bok'; pinned: book"
    assert midwatch("accept", "clerk", "book", "reed")[1] == "nothing is pinned of 'book reed'; pinned: book read"
