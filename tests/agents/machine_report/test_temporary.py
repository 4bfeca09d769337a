from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.machine_report.temporary import MOST_PROPOSED, delete, old_files

IN_A_WEEK = time.time() + 8.5 * 86_400
"""The clock of these tests: what is made now is eight days old."""


def found(folder: Path, *, now: float = IN_A_WEEK, excluded: tuple[Path, ...] = ()) -> list[str]:
    proposed = old_files(folder, now=now, excluded=excluded).proposed
    return sorted(str(Path(file.path).relative_to(folder.resolve())) for file in proposed)


def test_an_old_file_is_proposed_with_its_age_and_size(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "old.bin").write_bytes(b"12345")
    temporary = old_files(tmp_path, now=IN_A_WEEK)
    assert [(file.size, file.days) for file in temporary.proposed] == [(5, 8)]
    assert (temporary.found, temporary.size) == (1, 5)


def test_a_file_of_this_week_is_not_proposed(tmp_path: Path) -> None:
    (tmp_path / "new.txt").write_text("x")
    assert found(tmp_path, now=time.time() + 6 * 86_400) == []


def test_a_file_that_came_today_with_an_old_date_is_not_proposed(tmp_path: Path) -> None:
    (tmp_path / "unpacked.txt").write_text("x")
    os.utime(tmp_path / "unpacked.txt", (0, 0))
    assert found(tmp_path, now=time.time()) == []


def a_link(folder: Path) -> None:
    target = folder.parent / "precious.txt"
    target.write_text("x")
    (folder / "link").symlink_to(target)


def a_linked_folder(folder: Path) -> None:
    target = folder.parent / "elsewhere"
    target.mkdir()
    (target / "precious.txt").write_text("x")
    (folder / "link").symlink_to(target)


def a_lock(folder: Path) -> None:
    (folder / "app.lock").write_text("x")
    (folder / ".X0-lock").write_text("x")


def a_pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


def a_checkout(folder: Path) -> None:
    (folder / "work" / ".git").mkdir(parents=True)
    (folder / "work" / "main.py").write_text("x")


@pytest.mark.parametrize("make", [a_link, a_linked_folder, a_lock, a_pipe, a_checkout])
def test_what_is_not_rubbish_is_not_proposed(tmp_path: Path, make: Callable[[Path], None]) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    make(folder)
    (folder / "old.txt").write_text("x")
    assert found(folder) == ["old.txt"]


def test_the_whole_of_a_folder_in_which_a_file_is_open_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "other.txt").write_text("x")
    (tmp_path / "free.txt").write_text("x")
    with (tmp_path / "app" / "open.txt").open("w"):
        assert found(tmp_path) == ["free.txt"]


def test_excluded_folders_are_not_entered(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "old.txt").write_text("x")
    assert found(tmp_path, excluded=(tmp_path / "project",)) == []


def test_the_largest_are_proposed_and_all_are_counted(tmp_path: Path) -> None:
    for number in range(MOST_PROPOSED + 3):
        (tmp_path / f"{number:02d}").write_bytes(b"x" * (number + 1))
    temporary = old_files(tmp_path, now=IN_A_WEEK)
    assert (len(temporary.proposed), temporary.found) == (MOST_PROPOSED, MOST_PROPOSED + 3)
    assert temporary.proposed[0].size == MOST_PROPOSED + 3


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert found(tmp_path / "none") == []


def test_a_proposed_file_is_deleted(tmp_path: Path) -> None:
    path = tmp_path.resolve() / "old.txt"
    path.write_text("x")
    assert delete(path, folder=tmp_path, now=IN_A_WEEK) == ""
    assert not path.exists()
    assert delete(path, folder=tmp_path, now=IN_A_WEEK) == ""  # again: it is gone, which is what was wanted


def test_a_file_that_was_used_since_is_kept(tmp_path: Path) -> None:
    path = tmp_path.resolve() / "old.txt"
    path.write_text("x")
    assert delete(path, folder=tmp_path, now=time.time()) == "has been used since"
    assert path.exists()


def test_a_file_that_became_a_link_is_kept(tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("x")
    (tmp_path / "tmp").mkdir()
    link = tmp_path.resolve() / "tmp" / "old.txt"
    link.symlink_to(precious)
    assert delete(link, folder=tmp_path / "tmp", now=IN_A_WEEK) == "is not a file of yours"
    assert link.is_symlink()


def test_a_file_whose_folder_became_a_link_is_kept(tmp_path: Path) -> None:
    precious = tmp_path / "home" / "old.txt"
    precious.parent.mkdir()
    precious.write_text("x")
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp" / "sub").symlink_to(precious.parent)
    path = tmp_path.resolve() / "tmp" / "sub" / "old.txt"
    assert delete(path, folder=tmp_path / "tmp", now=IN_A_WEEK).startswith("is not in")
    assert precious.exists()


def test_a_file_outside_the_temporary_folder_is_kept(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    path = tmp_path.resolve() / "outside.txt"
    path.write_text("x")
    assert delete(path, folder=tmp_path / "tmp", now=IN_A_WEEK).startswith("is not in")
    assert path.exists()
