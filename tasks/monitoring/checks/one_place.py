"""Monitoring: is every input in exactly one place? None lost, none doubled, none changed, by the digest of its content."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from midwatch.contract import Finding, OnePlaceCheck
from midwatch.run import RunFacts
from tasks.monitoring.checks.folder import Looking, folder_of, named
from tasks.monitoring.evidence import CannotLook


async def before(check: OnePlaceCheck, facts: RunFacts) -> dict[str, Any]:
    """`inputs`: SHA-256 by path; `copies`: how often each content is there, in the inputs and the places together.

    Raises:
        CannotLook: there is no folder for inputs, or one of them is a link.
    """
    return await asyncio.to_thread(_before, check, facts)


async def look(check: OnePlaceCheck, name: str, facts: RunFacts, was: dict[str, Any]) -> Finding:
    """One finding that names what is lost, left, changed or there twice."""
    return await asyncio.to_thread(_look, check, name, facts, was)


def _before(check: OnePlaceCheck, facts: RunFacts) -> dict[str, Any]:
    looking = Looking(project=facts.project)
    looking.must_be_there(folder_of(check.inputs, facts))
    found = looking.matching(check.inputs, facts, links=True)
    if link := next((path for path in found if (facts.project / path).is_symlink()), None):
        raise CannotLook(f"{link} is a link, and none is followed: put the file itself there")
    inputs = {path: looking.digest(path) for path in found}
    everywhere = {*inputs, *_in_places(looking, check, facts)}
    copies = Counter(looking.digest(path) for path in everywhere)
    return {"inputs": inputs, "copies": {digest: copies[digest] for digest in inputs.values()}}


def _in_places(looking: Looking, check: OnePlaceCheck, facts: RunFacts) -> Iterable[str]:
    """A file that two patterns mean is in one place all the same."""
    return {path for place in check.places for path in looking.matching(place, facts)}


def _look(check: OnePlaceCheck, name: str, facts: RunFacts, was: dict[str, Any]) -> Finding:
    looking = Looking(project=facts.project)
    there: dict[str, list[str]] = defaultdict(list)
    for path in sorted(_in_places(looking, check, facts)):
        there[looking.digest(path)].append(path)
    found: dict[str, list[str]] = defaultdict(list)
    for path, digest in was["inputs"].items():
        found[_fate(path, digest, len(there[digest]) - was["copies"][digest], facts)].append(path)
    right = len(found.pop("", []))
    said = f"{right} of {len(was['inputs'])} inputs in exactly one place"
    wrong = named(found)
    return Finding(check=name, held=not wrong, empty=not was["inputs"], detail=f"{said}; {wrong}" if wrong else said)


def _fate(path: str, digest: str, more: int, facts: RunFacts) -> str:
    """What became of one input; "" where it is in one place. `more`: copies of it in the places, beside those of before."""
    if more == 0:
        return ""
    if more > 0:
        return "there twice"
    own = facts.project / path
    if not own.is_file():
        return "lost or changed"
    return "left in no place" if Looking(project=facts.project).digest(path) == digest else "changed"
