from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from agents.machine_report.logs import recent_logs


def test_error_lines_of_a_recent_log_are_counted(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("started\nERROR: disk is full\nfine\nkernel panic - not syncing\n")
    log = recent_logs([tmp_path], now=time.time()).largest[0]
    assert (log.errors, log.last_error) == (2, "kernel panic - not syncing")


@pytest.mark.parametrize(
    "line", ["installed libgpg-error-dev:amd64", "wrote /var/cache/error/x", "0 terrors", "error.log rotated"]
)
def test_a_name_that_holds_the_word_error_is_no_error(tmp_path: Path, line: str) -> None:
    (tmp_path / "dpkg.log").write_text(line)
    assert recent_logs([tmp_path], now=time.time()).largest[0].errors == 0


def test_old_empty_packed_and_linked_logs_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for name in ("old.log", "packed.log.gz", "real.log"):
        (tmp_path / "logs" / name).write_text("x")
    (tmp_path / "logs" / "empty.log").touch()
    (tmp_path / "logs" / "link.log").symlink_to(tmp_path / "logs" / "real.log")
    os.utime(tmp_path / "logs" / "old.log", (0, 0))
    logs = recent_logs([tmp_path / "logs"], now=time.time())
    assert [Path(log.path).name for log in logs.largest] == ["real.log"]


def test_the_largest_come_first_and_all_are_counted(tmp_path: Path) -> None:
    for size in range(1, 9):
        (tmp_path / f"{size}.log").write_text("x" * size)
    logs = recent_logs([tmp_path], now=time.time())
    assert [log.size for log in logs.largest] == [8, 7, 6, 5, 4]
    assert logs.recent == 8


def test_only_the_end_of_a_large_log_is_read(tmp_path: Path) -> None:
    (tmp_path / "big.log").write_bytes(b"error at the beginning\n" + b"fine\n" * 100_000 + b"error at the end\n")
    log = recent_logs([tmp_path], now=time.time()).largest[0]
    assert (log.errors, log.last_error) == (1, "error at the end")


def test_what_looks_like_a_secret_is_not_copied(tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("error: login failed password=swordfish for x\n")
    assert recent_logs([tmp_path], now=time.time()).largest[0].last_error == "error: login failed password=… for x"


def test_folders_that_are_not_there_hold_no_logs(tmp_path: Path) -> None:
    assert recent_logs([tmp_path / "none"], now=time.time()).recent == 0
