"""Tools: what was in a file before it was written over? It is kept under Midwatch's own folder; a person can put it back."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal

from pydantic_ai.exceptions import ToolFailed

from tasks.tools.folder import Folder

KEPT_LIMIT: Final = 1_000_000
"""Bytes of the largest file that is kept."""

Before = Literal["file", "none", "not-kept"]
"""What was there: a file, which is kept; nothing; or something that is too large or cannot be read."""
BEFORE: Final[tuple[Before, ...]] = ("file", "none", "not-kept")


@dataclass(frozen=True)
class Kept:
    """The versions that one run has written over: `kept/RUN/` under Midwatch's own folder."""

    folder: Folder

    def keep(self, key: str, there: Folder, path: str) -> None:
        """Keep what `path` holds, once for each idempotency key: a call that is repeated finds its own work there."""
        if any(self._kept(key, before).exists() for before in BEFORE):
            return
        before, content = _look(there, path)
        self.folder.write(self._kept(key, before).name, content)

    def way_back(self, key: str, target: Path) -> str:
        """The command that makes `target` what it was before the call; empty where that was not kept."""
        if (copy := self._kept(key, "file")).exists():
            return f"cp {shlex.quote(str(copy))} {shlex.quote(str(target))}"
        return f"rm {shlex.quote(str(target))}" if self._kept(key, "none").exists() else ""

    def _kept(self, key: str, before: Before) -> Path:
        return self.folder.root / f"{sha256(key.encode()).hexdigest()[:32]}.{before}"


def _look(there: Folder, path: str) -> tuple[Before, bytes]:
    try:
        content = there.read(path, KEPT_LIMIT + 1)
    except ToolFailed as error:
        return ("none" if isinstance(error.__cause__, FileNotFoundError) else "not-kept"), b""
    return ("file", content) if len(content) <= KEPT_LIMIT else ("not-kept", b"")
