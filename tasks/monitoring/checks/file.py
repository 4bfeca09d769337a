"""Monitoring: is the file there, and does it say what it should? Read back from the disk, under the project only."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator

from midwatch.contract import FileCheck, FileContent, Finding
from midwatch.run import RunFacts
from midwatch.templates import fill

MAX_BYTES: Final = 16 * 1024 * 1024
"""What is larger is not read into memory to be searched."""

CLOCK_GRAIN: Final = 0.02
"""Seconds. A file system stamps with the kernel's coarse clock, which may lag behind the clock of `started_at`."""


async def look(check: FileCheck, name: str, facts: RunFacts) -> Finding:
    """One finding that names everything that is not as it should be."""
    return await asyncio.to_thread(_look, check, name, facts)


def _look(check: FileCheck, name: str, facts: RunFacts) -> Finding:
    path = facts.project / fill(check.path, facts)
    if not path.resolve().is_relative_to(facts.project.resolve()):
        return Finding(check=name, held=False, detail=f"{path} lies outside the project")
    if not path.exists():
        return Finding(check=name, held=not check.exists, detail="there is no such file")
    if not check.exists:
        return Finding(check=name, held=False, detail=f"expected no such file, and it is there ({_age(path)})")
    wrong = list(wrong_in(check, path, facts))
    return Finding(check=name, held=not wrong, detail="; ".join(wrong) or f"{path.stat().st_size} bytes, {_age(path)}")


def wrong_in(check: FileContent, path: Path, facts: RunFacts) -> Iterator[str]:
    """What of a file that is there is not as it should be."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        yield "it is not an ordinary file"
        return
    if status.st_size < check.min_bytes:
        yield f"expected at least {check.min_bytes} bytes, found {status.st_size}"
    if check.newer_than_start and _changed(path) < facts.started_at.timestamp() - CLOCK_GRAIN:
        yield f"{_age(path)}, before the run began ({facts.started_at:%Y-%m-%d %H:%M:%S} UTC)"
    if not check.contains and check.json_schema is None:
        return
    if status.st_size > MAX_BYTES:
        yield f"{status.st_size} bytes are too many to read (at most {MAX_BYTES})"
        return
    text = path.read_text("utf-8", errors="replace")
    yield from (f"it does not contain {wanted!r}" for wanted in check.contains if wanted not in text)
    if check.json_schema is not None:
        yield from _not_valid(text, schema_of(check.json_schema, facts.project))


def schema_of(written: dict[str, Any] | str, project: Path) -> dict[str, Any]:
    """The schema itself; read from its file where it is named by a path."""
    if isinstance(written, dict):
        return written
    schema = json.loads((project / written).read_text("utf-8"))
    if not isinstance(schema, dict):
        raise ValueError(f"{written} holds no JSON schema: it must be one JSON object")
    return schema


def _not_valid(text: str, schema: dict[str, Any]) -> Iterator[str]:
    try:
        value = json.loads(text)
    except ValueError as error:
        yield f"it is not JSON: {error}"
        return
    for fault in list(Draft202012Validator(schema).iter_errors(value))[:3]:
        yield f"{fault.json_path}: {fault.message[:200]}"


def _changed(path: Path) -> float:
    """When its content was. Anybody can set that time, to a year to come as well, but not the file system's own beside it."""
    status = path.stat()
    return min(status.st_mtime, status.st_ctime)


def _age(path: Path) -> str:
    return f"last changed {datetime.fromtimestamp(_changed(path), UTC):%Y-%m-%d %H:%M:%S} UTC"
