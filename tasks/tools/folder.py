"""Tools: which file does a path name, under a root that nothing gets out of? What was named is what is opened.

Every component is opened from the one before it, never following a link, so a path means the same when it is judged and
when it is opened: no `..`, no symbolic link, no magic link of `/proc`, and nothing to gain by swapping a folder for a
link in between. The same code holds on every POSIX system, so `openat2` is not needed.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO, Final

from pydantic_ai.exceptions import ModelRetry, ToolFailed

_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Not blocking, so that a named pipe cannot hold the run up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """One root. The model hears every error: `ModelRetry` for a path that can't be, `ToolFailed` for what is not so."""

    root: Path
    """Absolute, as the operator named it; the operator's own links on the way to it are followed."""

    def parts(self, path: str) -> tuple[str, ...]:
        """The names on the way from the root to `path`; empty for the root itself."""
        if any(ord(character) < 32 or ord(character) == 127 for character in path):
            raise ModelRetry(f"{path!r} holds control characters. Give a plain path.")
        inside = path.removeprefix(f"{self.root}/") if path.startswith("/") else path
        names = tuple(name for name in inside.split("/") if name not in ("", "."))
        if inside.startswith("/") and path != str(self.root):
            raise ModelRetry(f"{path!r} is outside of this tool's folder. Give a path relative to it.")
        if ".." in names:
            raise ModelRetry(f"{path!r} holds '..', which is not allowed. Write the path out.")
        return () if path == str(self.root) else names

    @contextmanager
    def directory(self, names: tuple[str, ...], *, create: bool = False) -> Iterator[int]:
        """A descriptor of the folder that `names` lead to."""
        with self._said("/".join(names)):
            if create:
                self.root.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for depth, name in enumerate(names, start=1):
                with self._said("/".join(names[:depth])):
                    if create:
                        with suppress(FileExistsError):
                            os.mkdir(name, dir_fd=descriptor)
                    below = os.open(name, _DIRECTORY, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
            yield descriptor
        finally:
            os.close(descriptor)

    def read(self, path: str, limit: int) -> bytes:
        """The bytes of the regular file at `path`, at most `limit` of them."""
        with self.opened(path) as file:
            return file.read(limit)

    @contextmanager
    def opened(self, path: str) -> Iterator[BinaryIO]:
        """The regular file at `path`, to be read."""
        *above, name = self._file_parts(path)
        with self.directory(tuple(above)) as parent, self._said(path):
            descriptor = os.open(name, _FILE, dir_fd=parent)
            try:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise ToolFailed(f"{path!r} is not a regular file.")
                with open(descriptor, "rb", closefd=False) as file:
                    yield file
            finally:
                os.close(descriptor)

    def write(self, path: str, content: bytes) -> None:
        """Replace or create the file at `path`: after a crash it is the old one or the new one, never half of it."""
        *above, name = self._file_parts(path)
        with self.directory(tuple(above), create=True) as parent, self._said(path):
            mode = self._mode(path, name, parent)
            draft = f".{name[:50]}.{token_hex(4)}.new"
            try:
                _write_new(draft, content, mode, parent)
                os.replace(draft, name, src_dir_fd=parent, dst_dir_fd=parent)
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(draft, dir_fd=parent)
                raise
            os.fsync(parent)

    def delete(self, path: str) -> None:
        """Remove the regular file at `path`."""
        *above, name = self._file_parts(path)
        with self.directory(tuple(above)) as parent, self._said(path):
            if not stat.S_ISREG(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                raise ToolFailed(f"{path!r} is not a regular file; nothing was deleted.")
            os.unlink(name, dir_fd=parent)
            os.fsync(parent)

    def names(self, path: str) -> list[tuple[str, os.stat_result]]:
        """What is in the folder at `path`, sorted by name, with each entry's own state (links not followed)."""
        with self.directory(self.parts(path)) as descriptor, self._said(path or "."):
            found = []
            for name in sorted(os.listdir(descriptor)):
                with suppress(FileNotFoundError):
                    found.append((name, os.stat(name, dir_fd=descriptor, follow_symlinks=False)))
            return found

    def _file_parts(self, path: str) -> tuple[str, ...]:
        names = self.parts(path)
        if not names:
            raise ModelRetry(f"{path!r} is the folder itself. Give the path of a file in it.")
        return names

    def _mode(self, path: str, name: str, parent: int) -> int | None:
        """The permissions of the file that is to be replaced; None where there is none yet."""
        try:
            there = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(there):
            raise ToolFailed(f"{path!r} is there and is not a regular file; nothing was written.")
        return stat.S_IMODE(there) & 0o777

    @contextmanager
    def _said(self, path: str) -> Iterator[None]:
        """System errors in words that the model can use."""
        try:
            yield
        except OSError as error:
            raise ToolFailed(f"{path or '.'!r}: {_words(error)}") from error


def _words(error: OSError) -> str:
    match error:
        case FileNotFoundError():
            return "there is no such file or folder. list_dir shows what there is."
        case NotADirectoryError():
            return "a part of the path is a file or a symbolic link, not a folder. Links are not followed."
        case PermissionError():
            return "the operating system does not permit it."
        case IsADirectoryError():
            return "is a folder, not a file."
        case OSError(errno=errno.ELOOP):
            return "is a symbolic link. Links are not followed."
        case _:
            return f"{error.strerror}."


def _write_new(name: str, content: bytes, mode: int | None, parent: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(name, flags, 0o644, dir_fd=parent), "wb") as file:
        if mode is not None:
            os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
