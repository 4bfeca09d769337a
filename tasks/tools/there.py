"""Tools: what stands at a path now? Bytes, size and hash, so that a yes can be held to them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic_ai.exceptions import ToolFailed

from tasks.tools.folder import Folder

AT_ONCE: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """A file as it stands."""

    place: str
    """Under the folder, however it was written."""
    start: bytes
    """The first of its bytes."""
    size: int
    sha256: str
    """Of all of them."""
    changed: datetime

    @property
    def before(self) -> str:
        """One hash of place and content (`Preview.before`)."""
        return hashlib.sha256(f"{self.place}\0{self.sha256}".encode()).hexdigest()

    @property
    def whole(self) -> bool:
        """`start` is all of it."""
        return len(self.start) == self.size


def look(folder: Folder, path: str, limit: int) -> There | None:
    """The regular file at `path` with its first `limit` bytes; None where nothing stands there.

    Raises:
        ToolFailed: something stands there that cannot be read.
    """
    digest, size = hashlib.sha256(), 0
    try:
        with folder.opened(path) as file:
            changed = os.fstat(file.fileno()).st_mtime
            start = chunk = file.read(limit)
            while chunk:
                digest.update(chunk)
                size += len(chunk)
                chunk = file.read(AT_ONCE)
    except ToolFailed as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise
    when = datetime.fromtimestamp(changed, UTC)
    place = "/".join(folder.parts(path))
    return There(place=place, start=start, size=size, sha256=digest.hexdigest(), changed=when)
