"""Tools: what can it do with files? read_file, write_file, list_dir, delete_file, each under its own root."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field
from pydantic_ai.exceptions import ModelRetry, ToolFailed

from midwatch.ask_context import Preview
from midwatch.risk import DoneEffect, ProbeAnswer, ToolFacts
from midwatch.run import RunFacts
from tasks.tools.changes import change_of, size_of
from tasks.tools.folder import Folder
from tasks.tools.functions import Offered
from tasks.tools.kept import Kept
from tasks.tools.shown import TEXT_LIMIT
from tasks.tools.there import There, look

READ_LIMIT: Final = 8_000_000
"""Bytes of the largest file that read_file opens."""
WRITE_LIMIT: Final = 1_000_000
"""Bytes of the largest file that write_file writes."""
LINES: Final = 400
ENTRIES: Final = 500
LOST_LINES: Final = 20
LOST_WIDTH: Final = 200
"""What a person sees of a file that would be deleted: lines, and characters of each."""

FilePath = Annotated[str, Field(min_length=1, max_length=500)]


@dataclass(frozen=True)
class Files:
    """The four tools over one folder."""

    folder: Folder
    kept: Kept
    """What write_file writes over."""

    def read_file(
        self,
        path: FilePath,
        offset: Annotated[int, Field(ge=0)] = 0,
        limit: Annotated[int, Field(ge=1, le=5000)] = LINES,
    ) -> str:
        """Read a text file.

        Args:
            path: The file, relative to the tool's folder.
            offset: Lines to skip at the beginning.
            limit: The most lines to return.
        """
        lines = _text(path, self.folder.read(path, READ_LIMIT + 1)).splitlines(keepends=True)
        shown = "".join(lines[offset : offset + limit])
        end = min(offset + limit, len(lines))
        if len(shown) > TEXT_LIMIT:
            return f"{shown[:TEXT_LIMIT]}\n[cut at {TEXT_LIMIT} characters; ask for fewer lines]"
        return shown if end == len(lines) else f"{shown}[{end} of {len(lines)} lines; go on with offset={end}]"

    def write_file(self, path: FilePath, content: str, idempotency_key: str) -> str:
        """Write a text file, replacing what was there. Folders on the way to it are made.

        Args:
            path: The file, relative to the tool's folder.
            content: All of the new content.
            idempotency_key: Filled in by code.
        """
        data = content.encode("utf-8")
        if len(data) > WRITE_LIMIT:
            raise ModelRetry(
                f"{len(data)} bytes are more than the {WRITE_LIMIT} that write_file takes. Split the file."
            )
        self.kept.keep(idempotency_key, self.folder, path)
        self.folder.write(path, data)
        return f"Wrote {len(data)} bytes to {path}."

    def list_dir(self, path: Annotated[str, Field(max_length=500)] = ".") -> str:
        """List a folder: one entry a line, folders with a slash, files with their size in bytes.

        Args:
            path: The folder, relative to the tool's folder.
        """
        entries = [_entry(name, state.st_mode, state.st_size) for name, state in self.folder.names(path)]
        more = [f"[{len(entries) - ENTRIES} more entries]"] if len(entries) > ENTRIES else []
        return "\n".join(entries[:ENTRIES] + more) or "(empty)"

    def delete_file(self, path: FilePath) -> str:
        """Delete one file. It cannot be brought back.

        Args:
            path: The file, relative to the tool's folder.
        """
        self.folder.delete(path)
        return f"Deleted {path}."

    async def was_written(self, _facts: RunFacts, args: Mapping[str, Any]) -> ProbeAnswer:
        """After a crash: does the file hold the content?"""
        try:
            there = self.folder.read(args["path"], WRITE_LIMIT + 1)
        except (ToolFailed, ModelRetry):
            return "did_not_happen"
        return "happened" if there == args["content"].encode("utf-8") else "did_not_happen"

    async def as_change(self, _facts: RunFacts, args: Mapping[str, Any]) -> Preview | None:
        """Before a yes: what would write_file change?"""
        return change_of(await self._there(args["path"]), args["content"])

    async def as_loss(self, _facts: RunFacts, args: Mapping[str, Any]) -> Preview | None:
        """Before a yes: what would delete_file take away?"""
        there = await self._there(args["path"])
        if there is None:
            return Preview(label="There is no such file", text=args["path"], before="")
        lines = there.start.decode("utf-8", "replace").split("\n")
        more = f"({'' if there.whole else 'at least '}{len(lines) - LOST_LINES} more lines)"
        shown = [line[:LOST_WIDTH] for line in lines[:LOST_LINES]] + ([more] if len(lines) > LOST_LINES else [])
        label = f"What would be lost: {size_of(there)}"
        return Preview(label=label, text="\n".join(shown), before=there.before)

    async def _there(self, path: str) -> There | None:
        """The file as it is; raises ToolFailed where it is there and cannot be read."""
        return await asyncio.to_thread(look, self.folder, path, WRITE_LIMIT + 1)

    async def way_back(self, done: DoneEffect) -> str:
        """The command that puts back what write_file has written over."""
        target = self.folder.root.joinpath(*self.folder.parts(done.arguments["path"]))
        return self.kept.way_back(done.idempotency_key, target)

    async def was_deleted(self, _facts: RunFacts, args: Mapping[str, Any]) -> ProbeAnswer:
        """After a crash: is the file gone?"""
        *above, name = self.folder.parts(args["path"])
        try:
            there = {entry for entry, _ in self.folder.names("/".join(above))}
        except ToolFailed:
            return "cannot_tell"
        return "did_not_happen" if name in there else "happened"


def file_tool(name: str, folder: Folder, kept: Path, *, where: str) -> Offered:
    """The tool called `name` (one of the four) over `folder`; what it writes over is kept in `kept`."""
    files = Files(folder, Kept(Folder(root=kept)))
    written = ToolFacts(
        risk="write",
        idempotent=True,
        untrusted=False,
        private=False,
        probe=files.was_written,
        undo=files.way_back,
        preview=files.as_change,
    )
    facts = {
        "read_file": ToolFacts(risk="read", idempotent=True, untrusted=True),
        "list_dir": ToolFacts(risk="read", idempotent=True, untrusted=True),
        "write_file": written,
        "delete_file": ToolFacts(
            risk="destroy", untrusted=False, private=False, probe=files.was_deleted, preview=files.as_loss
        ),
    }
    return Offered(function=getattr(files, name), facts=facts[name], where=where)


def _text(path: str, data: bytes) -> str:
    if len(data) > READ_LIMIT:
        raise ToolFailed(f"{path!r} is larger than the {READ_LIMIT} bytes that read_file opens.")
    if b"\0" in data[:8000]:
        raise ToolFailed(f"{path!r} is not a text file.")
    return data.decode("utf-8", "replace")


def _entry(name: str, mode: int, size: int) -> str:
    if stat.S_ISDIR(mode):
        return f"{name}/"
    if stat.S_ISLNK(mode):
        return f"{name} (link)"
    return f"{name} {size}" if stat.S_ISREG(mode) else f"{name} (special)"
