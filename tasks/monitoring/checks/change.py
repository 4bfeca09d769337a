"""Monitoring: has this number changed by so much since the run began? Of a database or of a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import assert_never

from midwatch.contract import ChangeCheck, Finding
from midwatch.contract.figures import Measure
from midwatch.run import RunFacts
from midwatch.templates import fill
from tasks.monitoring.checks.sql import first_value
from tasks.monitoring.evidence import CannotLook

MOST_BYTES = 64 * 1024 * 1024
"""A larger file's lines are not counted."""


async def before(check: ChangeCheck, facts: RunFacts, *, environment: Mapping[str, str] = os.environ) -> str:
    """The number as it is now, digit for digit."""
    if check.sql is not None:
        return str(_number(await first_value(check.sql, facts, environment=environment)))
    path = facts.project / fill(check.file or "", facts)
    if not path.resolve().is_relative_to(facts.project.resolve()):
        raise CannotLook(f"{path} lies outside the project")
    return str(await asyncio.to_thread(_of_file, path, check.measure))


async def look(
    check: ChangeCheck, name: str, facts: RunFacts, was: str, *, environment: Mapping[str, str] = os.environ
) -> Finding:
    """Before, now, and what was expected."""
    now = Decimal(await before(check, facts, environment=environment))
    by = now - Decimal(was)
    if check.by is not None:
        held, wanted = by == check.by, f"{check.by:+d}" if check.by else "no change"
    else:
        least = check.by_at_least or 0
        held, wanted = by >= least, f"at least {least:+d}"
    return Finding(check=name, held=held, detail=f"expected {wanted}: {was} before, {now} now")


def _of_file(path: Path, measure: Measure) -> Decimal:
    there = path.exists()
    if there and path.stat().st_size > MOST_BYTES:
        raise CannotLook(f"{path.name} has {path.stat().st_size} bytes, too many to read (at most {MOST_BYTES})")
    match measure:
        case "bytes":
            return Decimal(path.stat().st_size if there else 0)
        case "lines":
            return Decimal(len(path.read_bytes().splitlines()) if there else 0)
        case "number":
            return _number(path.read_text("utf-8").strip())
        case _:
            assert_never(measure)


def _number(value: object) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("nan")
    if isinstance(value, bool) or not number.is_finite():
        raise CannotLook(f"{str(value)[:80]!r} is not a number")
    return number
