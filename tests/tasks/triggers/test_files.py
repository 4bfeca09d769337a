from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.triggers import files
from tasks.triggers.files import Folder, NotWhole, Sight, facts_of, sights
from tests.tasks.triggers.outside import Outside

BODY = """
input:
  path: {type: string}
  text: {type: string}
triggers:
  files: [{name: inbox, folder: inbox, glob: "**/*.txt", settle_seconds: 2}]
"""
NAMED = """
input:
  name: {type: string}
triggers:
  files: [{name: inbox, folder: inbox, input: {name: name}}]
"""


def folder(world: Outside, body: str = BODY) -> Folder:
    spec = world.agents.find(world.agent("night", body))
    assert spec is not None
    (world.project / "inbox").mkdir(exist_ok=True)
    return Folder(spec=spec, trigger=spec.triggers.files[0], project=world.project, ledger=world.ledger)


def write(path: Path, text: str) -> float:
    """As a program that writes in place; returns the time of its last write."""
    path.parent.mkdir(exist_ok=True)
    with path.open("w") as file:
        file.write(text)
    return path.stat().st_mtime


async def inputs(world: Outside) -> list[object]:
    return [row.input for row in reversed(await world.ledger.arrivals())]


async def test_a_file_that_stood_still_elsewhere_arrives_as_soon_as_it_is_moved_in(world: Outside) -> None:
    inbox, draft = folder(world), world.project / "draft"
    written = write(draft, "hello")
    draft.rename(world.project / "inbox" / "a.txt")
    assert len(await inbox.look(written + 2.001, 0.0)) == 1
    assert await inputs(world) == [{"path": "inbox/a.txt", "text": "hello"}]
    assert not inbox.unsettled


async def test_a_new_mode_makes_no_half_file_whole(world: Outside) -> None:
    inbox, path = folder(world), world.project / "inbox" / "a.txt"
    written = write(path, "half")
    while path.stat().st_ctime_ns == path.stat().st_mtime_ns:  # the file system's clock ticks every few milliseconds
        path.chmod(0o600)
    assert await inbox.look(written + 1, 0.0) == []


async def test_a_file_that_is_being_written_arrives_when_it_stands_still(world: Outside) -> None:
    inbox, path = folder(world), world.project / "inbox" / "a.txt"
    assert await inbox.look(write(path, "half"), 0.0) == []
    assert inbox.unsettled
    assert await inbox.look(write(path, "half and more"), 1.9) == []
    assert await inbox.look(path.stat().st_mtime + 0.1, 2.1) == []
    assert await inbox.look(path.stat().st_mtime + 1.9, 3.8) == []
    assert len(await inbox.look(path.stat().st_mtime + 2.001, 4.0)) == 1
    assert await inputs(world) == [{"path": "inbox/a.txt", "text": "half and more"}]


async def test_a_clock_that_is_set_back_delays_nothing(world: Outside) -> None:
    inbox, path = folder(world), world.project / "inbox" / "a.txt"
    long_ago = write(path, "x") - 1e6
    assert await inbox.look(long_ago, 0.0) == []
    assert len(await inbox.look(long_ago, 2.0)) == 1


async def test_what_came_while_nobody_was_there_is_found_once(world: Outside) -> None:
    first = folder(world)
    write(world.project / "inbox" / "a.txt", "a")
    write(world.project / "inbox" / "deep" / "b.txt", "b")
    late = time.time() + 60
    assert len(await first.look(late, 0.0)) == 2
    assert await first.look(late, 0.0) == []
    write(world.project / "inbox" / "c.txt", "c")
    assert len(await folder(world).look(late, 0.0)) == 1
    assert len(await world.ledger.arrivals()) == 3


async def test_a_file_that_is_written_anew_arrives_anew(world: Outside) -> None:
    inbox, path = folder(world), world.project / "inbox" / "a.txt"
    write(path, "one")
    await inbox.look(time.time() + 60, 0.0)
    write(path, "another")
    await inbox.look(time.time() + 60, 0.0)
    assert {row.input["text"] for row in await world.ledger.arrivals()} == {"one", "another"}


async def test_links_out_of_the_folder_are_refused_and_others_are_not(world: Outside) -> None:
    inbox = folder(world)
    root = world.project / "inbox"
    (world.project / "secret.txt").write_text("secret")
    (world.project / "outside").mkdir()
    write(world.project / "outside" / "deep.txt", "secret")
    write(root / "a.txt", "a")
    (root / "out.txt").symlink_to(world.project / "secret.txt")
    (root / "dir").symlink_to(world.project / "outside")
    (root / "in.txt").symlink_to(root / "a.txt")
    (root / "nowhere.txt").symlink_to(root / "none")
    await inbox.look(time.time() + 60, 0.0)
    states = {row.delivery.split()[0]: row.state for row in await world.ledger.arrivals()}
    states.pop("dir/deep.txt", None)
    assert states == {"a.txt": "received", "in.txt": "received", "out.txt": "refused"}
    assert "secret" not in str([row.input for row in await world.ledger.arrivals()])


async def test_a_link_in_the_way_is_refused_too(world: Outside) -> None:
    inbox = folder(world, NAMED.replace("folder: inbox", "folder: inbox, glob: 'dir/*'"))
    (world.project / "outside").mkdir()
    (world.project / "outside" / "deep.txt").write_text("x")
    (world.project / "inbox" / "dir").symlink_to(world.project / "outside")
    await inbox.look(time.time() + 60, 0.0)
    (row,) = await world.ledger.arrivals()
    assert (row.state, row.why) == ("refused", "it is a link that leads out of the folder")


@pytest.mark.parametrize("body", [BODY, BODY.replace("  text: {type: string}\n", "")])
async def test_a_folder_that_is_swapped_for_a_link_meanwhile_leads_nowhere(world: Outside, body: str) -> None:
    inbox, outside = folder(world, body), world.project / "outside"
    write(world.project / "inbox" / "deep" / "a.txt", "mine")
    for sight in sights(inbox.root, inbox.trigger.glob):
        (world.project / "inbox" / "deep").rename(outside)
        (world.project / "inbox" / "deep").symlink_to(outside)
        with pytest.raises(NotWhole):
            facts_of(sight, inbox.trigger, with_text="text" in body)


async def test_a_name_of_two_lines_is_said_on_one(world: Outside) -> None:
    inbox = folder(world)
    write(world.project / "inbox" / "a\nreceived: b.txt", "x")
    (line,) = await inbox.look(time.time() + 60, 0.0)
    assert line == "received: files inbox of night: a ⏎ received: b.txt"


async def test_a_look_at_a_large_folder_holds_up_nobody(world: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    looking: list[bool] = []

    def slow(_root: Path, _glob: str) -> Iterator[Sight]:
        looking.append(threading.current_thread() is threading.main_thread())
        return iter(())

    monkeypatch.setattr(files, "sights", slow)
    await folder(world).look(time.time(), 0.0)
    assert looking == [False]


async def test_what_is_no_file_or_not_finished_by_its_name_does_not_arrive(world: Outside) -> None:
    inbox = folder(world, NAMED)
    root = world.project / "inbox"
    os.mkfifo(root / "pipe")
    (root / "folder").mkdir()
    for name in (".hidden", "a.part", "b.tmp", "c~", "d.crdownload"):
        write(root / name, "x")
    write(root / "whole", "x")
    await inbox.look(time.time() + 60, 0.0)
    assert await inputs(world) == [{"name": "whole"}]


@pytest.mark.parametrize(("data", "said"), [(b"\xff\xfe", "no UTF-8 text"), (b"x" * 100_001, "100,001 bytes")])
async def test_a_file_whose_text_no_run_can_take_is_refused_and_kept(world: Outside, data: bytes, said: str) -> None:
    inbox = folder(world)
    (world.project / "inbox" / "a.txt").write_bytes(data)
    await inbox.look(time.time() + 60, 0.0)
    (row,) = await world.ledger.arrivals()
    assert row.state == "refused"
    assert said in row.why


async def test_a_large_file_arrives_where_only_its_name_is_wanted(world: Outside) -> None:
    inbox = folder(world, NAMED)
    (world.project / "inbox" / "a").write_bytes(b"\xff" * 300_000)
    await inbox.look(time.time() + 60, 0.0)
    assert await inputs(world) == [{"name": "a"}]


async def test_a_file_that_vanishes_while_it_is_looked_at_is_no_arrival(world: Outside) -> None:
    inbox, path = folder(world), world.project / "inbox" / "a.txt"
    write(path, "x")
    await inbox.look(path.stat().st_mtime, 0.0)
    path.unlink()
    assert await inbox.look(time.time() + 60, 60.0) == []
    assert not inbox.unsettled


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
async def test_a_file_that_cannot_be_read_is_said_once_and_lost_nowhere(world: Outside) -> None:
    inbox, path = folder(world), world.project / "inbox" / "a.txt"
    write(path, "x")
    path.chmod(0)
    (line,) = await inbox.look(time.time() + 60, 0.0)
    assert "cannot be read" in line
    assert await inbox.look(time.time() + 60, 9.0) == []
    path.chmod(0o600)
    assert len(await folder(world).look(time.time() + 60, 0.0)) == 1


async def test_a_folder_that_is_not_there_is_an_empty_one(world: Outside) -> None:
    inbox = folder(world)
    (world.project / "inbox").rmdir()
    assert await inbox.look(time.time(), 0.0) == []
