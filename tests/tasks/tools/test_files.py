import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_ai.exceptions import ModelRetry, ToolFailed

from midwatch.risk import DoneEffect
from midwatch.run import RunFacts
from tasks.tools.files import ENTRIES, WRITE_LIMIT
from tasks.tools.kept import KEPT_LIMIT
from tests.tasks.tools.agent_tools import Tools, declared

ALL = [{name: {"root": "data"}} for name in ("read_file", "write_file", "list_dir", "delete_file")]


@pytest.fixture
def files(facts: RunFacts, tools_of: Callable[..., Tools]) -> Tools:
    root = facts.project / "data"
    root.mkdir()
    (root / "a.txt").write_text("one\ntwo\nthree\n")
    return tools_of(*ALL)


async def test_a_file_is_read_in_pieces_that_say_how_to_go_on(files: Tools) -> None:
    assert await files.call("read_file", path="a.txt") == "one\ntwo\nthree\n"
    assert await files.call("read_file", path="a.txt", limit=2) == "one\ntwo\n[2 of 3 lines; go on with offset=2]"
    assert await files.call("read_file", path="a.txt", offset=2) == "three\n"


async def test_a_written_file_is_there_with_its_folders(files: Tools) -> None:
    said = await files.call("write_file", path="new/deep/b.txt", content="ä")
    assert said == "Wrote 2 bytes to new/deep/b.txt."
    assert (files.facts.project / "data/new/deep/b.txt").read_text() == "ä"


async def test_a_folder_that_is_not_there_yet_is_made_by_the_first_write(tools_of: Callable[..., Tools]) -> None:
    tools = tools_of({"write_file": {"root": "reports"}})
    await tools.call("write_file", path="a.md", content="x")
    assert (tools.facts.project / "reports/a.md").read_text() == "x"


async def test_a_listing_tells_folders_files_and_links_apart(files: Tools) -> None:
    (files.facts.project / "data/sub").mkdir()
    (files.facts.project / "data/link").symlink_to("a.txt")
    assert await files.call("list_dir") == "a.txt 14\nlink (link)\nsub/"


async def test_a_long_listing_says_how_much_is_missing(files: Tools) -> None:
    many = files.facts.project / "data/many"
    many.mkdir()
    for number in range(ENTRIES + 3):
        (many / f"{number:05}").touch()
    assert (await files.call("list_dir", path="many")).endswith("[3 more entries]")


async def test_a_deleted_file_is_gone_and_a_second_time_is_told(files: Tools) -> None:
    assert await files.call("delete_file", path="a.txt") == "Deleted a.txt."
    with pytest.raises(ToolFailed, match="no such file"):
        await files.call("delete_file", path="a.txt")


async def test_what_is_not_text_or_too_long_is_refused_in_words(files: Tools) -> None:
    (files.facts.project / "data/image").write_bytes(b"\x89PNG\0\0")
    with pytest.raises(ToolFailed, match="not a text file"):
        await files.call("read_file", path="image")
    with pytest.raises(ModelRetry, match="Split the file"):
        await files.call("write_file", path="big", content="x" * (WRITE_LIMIT + 1))


async def test_a_long_line_is_cut(files: Tools) -> None:
    (files.facts.project / "data/long").write_text("x" * 50_000)
    assert len(await files.call("read_file", path="long")) < 21_000


@pytest.mark.parametrize("arguments", [{"path": "a", "offset": -1}, {"path": "a", "encoding": "x"}, {"path": 3}, {}])
async def test_arguments_that_do_not_fit_never_reach_the_tool(files: Tools, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        await files.call("read_file", **arguments)


async def test_each_file_tool_declares_its_risk(files: Tools) -> None:
    facts = {name: declared(tool) for name, tool in (await files.listed()).items()}
    assert {name: (one.risk, one.idempotent, one.untrusted) for name, one in facts.items()} == {
        "read_file": ("read", True, True),
        "list_dir": ("read", True, True),
        "write_file": ("write", True, False),
        "delete_file": ("destroy", False, False),
    }


async def test_after_a_crash_the_probes_tell_what_happened(files: Tools) -> None:
    probes = {name: declared(tool).probe for name, tool in (await files.listed()).items()}
    wrote, deleted = probes["write_file"], probes["delete_file"]
    assert wrote is not None
    assert deleted is not None
    assert await wrote(files.facts, {"path": "a.txt", "content": "other"}) == "did_not_happen"
    assert await wrote(files.facts, {"path": "a.txt", "content": "one\ntwo\nthree\n"}) == "happened"
    assert await deleted(files.facts, {"path": "a.txt"}) == "did_not_happen"
    assert await deleted(files.facts, {"path": "gone.txt"}) == "happened"


async def way_back(files: Tools, path: str) -> str:
    undo = declared((await files.listed())["write_file"]).undo
    assert undo is not None
    arguments = {"path": path, "content": "new"}
    key = files.facts.idempotency_key("call-1")
    return await undo(DoneEffect(facts=files.facts, arguments=arguments, result="Wrote.", idempotency_key=key))


async def done_by_a_person(command: str) -> None:
    process = await asyncio.create_subprocess_shell(command)
    assert await process.wait() == 0


async def test_what_was_written_over_can_be_put_back_by_the_command_that_is_offered(files: Tools) -> None:
    await files.call("write_file", path="a.txt", content="new")
    await done_by_a_person(await way_back(files, "a.txt"))
    assert (files.facts.project / "data/a.txt").read_text() == "one\ntwo\nthree\n"


async def test_what_was_not_there_is_removed_by_the_command_that_is_offered(files: Tools) -> None:
    await files.call("write_file", path="new/it's.txt", content="new")
    await done_by_a_person(await way_back(files, "new/it's.txt"))
    assert not (files.facts.project / "data/new/it's.txt").exists()


async def test_a_call_that_is_repeated_keeps_what_was_there_before_the_first(files: Tools) -> None:
    for _ in range(2):
        await files.call("write_file", path="a.txt", content="new")
    await done_by_a_person(await way_back(files, "a.txt"))
    assert (files.facts.project / "data/a.txt").read_text() == "one\ntwo\nthree\n"


async def test_what_is_too_large_to_keep_is_not_offered_even_when_the_call_is_repeated(files: Tools) -> None:
    (files.facts.project / "data/a.txt").write_bytes(b"x" * (KEPT_LIMIT + 1))
    for _ in range(2):
        await files.call("write_file", path="a.txt", content="new")
    assert await way_back(files, "a.txt") == ""
