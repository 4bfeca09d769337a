from collections.abc import Callable

import pytest
from pydantic_ai.exceptions import ModelRetry

from tasks.tools import notes
from tests.tasks.tools.agent_tools import Tools, declared

ToolsOf = Callable[..., Tools]


async def test_a_note_is_there_in_the_next_run(tools_of: ToolsOf) -> None:
    assert await tools_of("notes").call("read_notes") == "(none)"
    await tools_of("notes").call("write_note", title="Disk on host-3", text="Fills by 2 % a week.")
    assert await tools_of("notes").call("read_notes") == "# Disk on host-3\n\nFills by 2 % a week.\n"


async def test_notes_are_markdown_files_of_their_own_agent(tools_of: ToolsOf) -> None:
    tools = tools_of("notes")
    await tools.call("write_note", title="Disk on host-3", text="x")
    assert (tools.facts.home / "notes/clerk/disk-on-host-3.md").read_text() == "# Disk on host-3\n\nx\n"


async def test_the_same_title_replaces_the_note(tools_of: ToolsOf) -> None:
    tools = tools_of("notes")
    await tools.call("write_note", title="Disk", text="old")
    await tools.call("write_note", title="disk!", text="new")
    assert "old" not in await tools.call("read_notes")


@pytest.mark.parametrize("title", ["../../auth", "/etc/passwd", "a/b", "..", "."])
async def test_a_title_never_leaves_the_agents_folder(tools_of: ToolsOf, title: str) -> None:
    tools = tools_of("notes")
    try:
        await tools.call("write_note", title=title, text="x")
    except ModelRetry:
        return
    written = [path for path in tools.facts.project.rglob("*") if path.is_file()]
    assert [path.parent for path in written] == [tools.facts.home / "notes/clerk"]


async def test_there_is_a_most(tools_of: ToolsOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "MOST_NOTES", 2)
    tools = tools_of("notes")
    for title in ("a", "b", "b"):
        await tools.call("write_note", title=title, text="x")
    with pytest.raises(ModelRetry, match="2 notes already"):
        await tools.call("write_note", title="c", text="x")


async def test_many_notes_are_shown_in_part(tools_of: ToolsOf) -> None:
    tools = tools_of("notes")
    for number in range(8):
        await tools.call("write_note", title=f"n{number}", text="x" * notes.NOTE_CHARACTERS)
    shown = await tools.call("read_notes")
    assert len(shown) < notes.SHOWN_CHARACTERS + 100
    assert shown.endswith("[older notes left out]")


async def test_after_a_crash_the_probe_finds_the_note(tools_of: ToolsOf) -> None:
    tools = tools_of("notes")
    probe = declared((await tools.listed())["write_note"]).probe
    assert probe is not None
    assert await probe(tools.facts, {"title": "a", "text": "x"}) == "did_not_happen"
    await tools.call("write_note", title="a", text="x")
    assert await probe(tools.facts, {"title": "a", "text": "x"}) == "happened"
