"""Digest: for whom is it made, and where are they? The house's own digest, and one for everybody with channels of their own."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zoneinfo import ZoneInfo

from prefect.client.orchestration import get_client

from blocks import Person
from tasks.digest.facts import Answers, everybody

ZONE: Final = "MIDWATCH_ZONE"
"""IANA name of the machine's time zone; `midwatch up` sets it for all that runs in the house."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Whom a digest is for."""

    name: str = ""
    """Empty: the house."""
    zone: ZoneInfo
    answers_for: Answers = everybody
    channels: tuple[str, ...] = ()
    """Prefect's notification blocks, TYPE/NAME; the first that takes it."""


async def readers() -> list[Reader]:
    """The house first, then every saved person who has channels."""
    async with get_client() as client:
        documents = await client.read_block_documents_by_type("midwatch-person", include_secrets=False)
    people = [await _reader(document.name) for document in documents if document.name]
    return [Reader(zone=zone_of_the_house(people)), *(person for person in people if person.channels)]


async def _reader(name: str) -> Reader:
    block: Person = await Person.aload(name)
    person = block.get_person(name)
    return Reader(name=person.name, zone=person.zone, answers_for=person.answers_for, channels=tuple(block.channels))


def zone_of_the_house(people: Sequence[Reader], environ: Mapping[str, str] = os.environ) -> ZoneInfo:
    """Where all people are; where they are in several zones, or there are none, where the machine is."""
    zones = {person.zone.key: person.zone for person in people}
    return next(iter(zones.values())) if len(zones) == 1 else machine_zone(environ)


def machine_zone(environ: Mapping[str, str] = os.environ) -> ZoneInfo:
    """What `MIDWATCH_ZONE` names; UTC where that is no zone."""
    try:
        return ZoneInfo(environ.get(ZONE) or "UTC")
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")
