from __future__ import annotations

import sys
import threading
from pathlib import Path
from stat import S_IMODE

import pytest

from midwatch.whole_file import DRAFT, write_whole


@pytest.mark.parametrize("sync", [True, False])
def test_what_was_there_is_replaced_and_nothing_else_is_left(tmp_path: Path, sync: bool) -> None:
    path = tmp_path / "facts.json"
    path.write_text("old, and longer than the new one")
    write_whole(path, "new: ü", mode=0o664, sync=sync)
    assert path.read_text(encoding="utf-8") == "new: ü"
    assert S_IMODE(path.stat().st_mode) == 0o664
    assert [*tmp_path.iterdir()] == [path]


def test_what_cannot_be_written_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    (path / "x").mkdir(parents=True)
    with pytest.raises(OSError, match="folder"):
        write_whole(path, "text")
    with pytest.raises(UnicodeEncodeError):
        write_whole(tmp_path / "file", "\ud800")
    assert [*tmp_path.iterdir()] == [path]


def test_of_many_writers_at_once_one_stands_whole(tmp_path: Path) -> None:
    path, faults = tmp_path / "facts", list[Exception]()

    def write(letter: str) -> None:
        try:
            for _ in range(50):
                write_whole(path, letter * 10_000)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "abcd"]
    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(switching)
    assert faults == []
    assert path.read_text() in {letter * 10_000 for letter in "abcd"}
    assert not [*tmp_path.glob(f"{DRAFT}*")]
