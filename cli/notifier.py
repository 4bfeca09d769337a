"""The house: who tells people what needs them? Run as `python -m cli.notifier`, one a house.

As long as Prefect has no block of the type `Midwatch person` this process is small (20 MB; it imports next to nothing),
asks Prefect for one every few seconds, and nobody is sent anything. Then: a round every five seconds (`tasks/notices`).
A mail server that hangs keeps nobody waiting but the next round; a round that fails is reported and followed by the next.
"""

from __future__ import annotations

import base64
import json
import os
import time
import traceback
import urllib.request
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cli.home import House, locate
from cli.service import again, pause, say, told_to_stop
from midwatch.whole_file import write_whole

if TYPE_CHECKING:
    import asyncio

    from midwatch.attention import Situation
    from midwatch.ledger import Ledger
    from tasks.notices.round import Notifier, Told

LOOK_SECONDS: Final = 15.0
ROUND_SECONDS: Final = 5.0
PEOPLE_SECONDS: Final = 30.0
"""Between two looks at who is told, and how."""
MOST: Final = 10
"""Questions that one link leads to; the others are in the inbox."""
FAULTS: Final = "notices.faults"
"""File in the home: what could not be told, a line each, for `midwatch status`. Not there when all is well."""
_TYPE: Final = "midwatch-person"


def is_there_anybody(environ: Mapping[str, str]) -> bool:
    """Whether a person block is saved; False too where Prefect does not answer. Blocks for ten seconds at most."""
    request = urllib.request.Request(f"{environ['PREFECT_API_URL']}/block_types/slug/{_TYPE}/block_documents")
    if said := environ.get("PREFECT_API_AUTH_STRING"):
        request.add_header("Authorization", f"Basic {base64.b64encode(said.encode()).decode()}")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bool(json.load(answer))
    except (OSError, ValueError):
        return False


async def everybody() -> list[Told]:
    """Every saved person, as their blocks say now."""
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        documents = await client.read_block_documents_by_type(_TYPE, include_secrets=False)
    return [await _told(document.name) for document in documents if document.name]


async def _told(name: str) -> Told:
    from blocks import Person
    from tasks.notices.round import Told

    block: Person = await Person.aload(name)
    return Told(person=block.get_person(name), channels=tuple(block.channels))


async def place_of(house: House, ledger: Ledger, situation: Situation, person: str) -> str:
    """The approval page with what waits, by a link of this person's own; else the run in Prefect's UI."""
    from cli.link import link_to
    from midwatch.errors import MidwatchError

    first = situation.subjects[:MOST]
    try:
        if situation.topic == "alarms":
            return house.url
        if situation.topic != "endings":
            return await link_to(house, ledger, [one.id for one in first], person)
    except MidwatchError as error:
        say(f"no link to the approval page for {person}: {error}")
    return f"{house.url}/runs/flow-run/{first[0].run_id}"


async def keep(house: House, stop: asyncio.Event, people: Callable[[], Awaitable[list[Told]]] = everybody) -> None:
    """Rounds until `stop`, however often the ledger cannot be opened: it never ends by itself."""
    from blocks.ledger import open_ledger

    async def with_the_ledger() -> None:
        async with await open_ledger(house.home) as ledger:
            await ledger.migrate()
            await _rounds(house, ledger, stop, people)

    await again("nobody can be told of anything now", with_the_ledger, stop)


async def _rounds(
    house: House, ledger: Ledger, stop: asyncio.Event, people: Callable[[], Awaitable[list[Told]]]
) -> None:
    """Where Prefect does not say who there is, it is whoever there was."""
    from tasks.notices.round import Notifier

    told: list[Told] | None = None
    asked = -PEOPLE_SECONDS
    notifier = Notifier(ledger=ledger, link_to=partial(place_of, house, ledger))
    while not stop.is_set():
        try:
            if time.monotonic() - asked >= PEOPLE_SECONDS:
                asked = time.monotonic()
                told = await people()
        except Exception as error:
            say(f"who is told could not be looked up: {error!r}")
        if told is not None:
            await _round(notifier, told, house.home)
        await pause(stop, ROUND_SECONDS)


async def _round(notifier: Notifier, told: list[Told], home: Path) -> None:
    try:
        for line in await notifier.one_round(told):
            say(line)
        open_ones = await notifier.ledger.open_notices()
        note_faults(home, [f"{one.person} could not be told: {one.fault}" for one in open_ones if one.fault])
    except Exception:
        traceback.print_exc()


def note_faults(home: Path, faults: list[str]) -> None:
    """Leave what could not be told where `midwatch status` finds it."""
    if faults:
        write_whole(home / FAULTS, "".join(f"{fault}\n" for fault in faults))
    else:
        (home / FAULTS).unlink(missing_ok=True)


def faults_of(home: Path) -> tuple[str, ...]:
    """What could not be told, a line each."""
    try:
        return tuple((home / FAULTS).read_text().splitlines())
    except FileNotFoundError:
        return ()


async def _main() -> None:
    await keep(locate(os.environ), told_to_stop())


def main() -> None:
    while not is_there_anybody(os.environ):
        time.sleep(LOOK_SECONDS)
    import asyncio

    asyncio.run(_main())


if __name__ == "__main__":
    main()
