import os
import threading
import time
from pathlib import Path

import pytest
from pydantic_ai.exceptions import ModelRetry, ToolFailed

from tasks.tools.folder import Folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a secret beside it and links that lead there."""
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "key").write_text("secret")
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "file.txt").write_text("inside")
    (root / "link.txt").symlink_to("../secret.txt")
    (root / "absolute-link").symlink_to(tmp_path / "secret.txt")
    (root / "link-out").symlink_to("../secrets")
    (root / "link-in").symlink_to("sub")
    (root / "proc").symlink_to("/proc/self/root")
    return root


ESCAPES = [
    "../secret.txt",
    "sub/../../secret.txt",
    "sub/..",
    "/etc/passwd",
    "//etc/passwd",
    "link.txt",
    "absolute-link",
    "link-out/key",
    "link-in/file.txt",
    f"proc{Path('/etc/passwd')}",
    "sub/file.txt/../../../secret.txt",
    "a\0b",
    "a\nb",
]


@pytest.mark.parametrize("path", [*ESCAPES, "{root}/../secret.txt", "{root}x/secret.txt"])
def test_no_path_reads_outside_or_through_a_link(root: Path, path: str) -> None:
    with pytest.raises((ModelRetry, ToolFailed)):
        Folder(root=root).read(path.replace("{root}", str(root)), 1000)


@pytest.mark.parametrize("path", ESCAPES)
def test_no_path_writes_outside_or_through_a_link(root: Path, path: str) -> None:
    with pytest.raises((ModelRetry, ToolFailed)):
        Folder(root=root).write(path, b"overwritten")
    assert (root.parent / "secret.txt").read_text() == "secret"
    assert (root.parent / "secrets" / "key").read_text() == "secret"


@pytest.mark.parametrize("path", [*ESCAPES, "sub", ".", ""])
def test_no_path_deletes_outside_or_a_link_or_a_folder(root: Path, path: str) -> None:
    with pytest.raises((ModelRetry, ToolFailed)):
        Folder(root=root).delete(path)
    assert (root.parent / "secret.txt").exists()
    assert (root / "link.txt").is_symlink()
    assert (root / "sub" / "file.txt").exists()


@pytest.mark.parametrize("path", ["sub/file.txt", "./sub//file.txt", "{root}/sub/file.txt"])
def test_a_file_under_the_root_is_read(root: Path, path: str) -> None:
    assert Folder(root=root).read(path.replace("{root}", str(root)), 1000) == b"inside"


def test_a_folder_swapped_for_a_link_between_check_and_open_gains_nothing(root: Path) -> None:
    swapping = root / "swapping"
    aside = root / "aside"
    swapping.mkdir()
    (swapping / "key").write_text("public")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            swapping.rename(aside)
            swapping.symlink_to("../secrets")
            swapping.unlink()
            aside.rename(swapping)

    swapper = threading.Thread(target=swap)
    swapper.start()
    seen: set[bytes] = set()
    tries, latest = 0, time.monotonic() + 20
    while tries < 2000 or (b"public" not in seen and time.monotonic() < latest):
        tries += 1
        try:
            seen.add(Folder(root=root).read("swapping/key", 1000))
        except ToolFailed:
            seen.add(b"refused")
    stop.set()
    swapper.join()
    assert b"secret" not in seen
    assert b"public" in seen


def test_a_named_pipe_is_refused_at_once_and_not_waited_for(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with pytest.raises(ToolFailed, match="not a regular file"):
        Folder(root=root).read("pipe", 10)


def test_a_write_that_fails_leaves_the_old_file_and_no_draft(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ToolFailed, match="No space left"):
        Folder(root=root).write("sub/file.txt", b"new")
    assert os.listdir(root / "sub") == ["file.txt"]
    assert (root / "sub" / "file.txt").read_text() == "inside"


def test_a_write_keeps_the_permissions_of_the_file_that_it_replaces(root: Path) -> None:
    (root / "sub" / "file.txt").chmod(0o600)
    Folder(root=root).write("sub/file.txt", b"new")
    assert (root / "sub" / "file.txt").stat().st_mode & 0o777 == 0o600


def test_a_write_leaves_a_hard_link_elsewhere_as_it_was(root: Path) -> None:
    os.link(root.parent / "secret.txt", root / "hard")
    Folder(root=root).write("hard", b"new")
    assert (root.parent / "secret.txt").read_text() == "secret"


def test_nothing_is_left_open(root: Path) -> None:
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else len(os.listdir("/dev/fd"))
    folder = Folder(root=root)
    for path in [*ESCAPES, "sub", "sub/file.txt", "missing", "sub/file.txt/x"]:
        for attempt in (lambda path=path: folder.read(path, 10), lambda path=path: folder.names(path)):
            try:
                attempt()
            except (ModelRetry, ToolFailed):
                continue
    after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else len(os.listdir("/dev/fd"))
    assert after == before
