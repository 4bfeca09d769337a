"""The house: who takes what comes from outside? Run as `python -m cli.receiver`, one a house where an agent has such a trigger.

One process for all of it: it serves webhooks on 127.0.0.1, looks at folders, follows other agents' runs, and starts what has
arrived. All that it knows is in the ledger, so it can be killed at any moment. It starts runs itself, where the keeper's
rounds would: here it knows when something has arrived, and the keeper's other duties don't wait for a storm.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from prefect.client.orchestration import get_client
from watchfiles import awatch

from blocks.ledger import open_ledger
from cli.beat import beat
from cli.home import House, locate
from cli.hook_address import PORT, hook_url
from cli.loopback import listening, served
from cli.page_wire import patient
from cli.receiver_app import SLOWEST, Receiver
from cli.secrets_at_hand import Secrets
from cli.service import again, pause, say, told_to_stop
from midwatch.agents import Agents
from midwatch.errors import SpecError
from midwatch.ledger import Ledger
from tasks.triggers.chains import Chains
from tasks.triggers.dispatch import Away, Dispatcher, starter
from tasks.triggers.files import Folder
from tasks.triggers.webhooks import Webhooks

USUAL: Final = range(4400, 4500)
"""Ports, of which the first free one is taken at the first start."""
CONNECTIONS: Final = 1200
"""At once; more are told to come again."""
LOOK_SECONDS: Final = 1.0
"""Between two looks for what nobody rang a bell for."""
RESCAN_SECONDS: Final = 60.0
"""Between two looks at a folder in which nothing moves: the operating system may lose a bell."""
LONGEST_SECONDS: Final = 30.0
"""Between two tries while Prefect or the ledger is away."""
BEAT_SECONDS: Final = 5.0

Part = Literal["webhooks", "dispatch", "folders"]
"""What it does side by side; none waits for another that cannot work."""
_VAIN: Final[dict[Part, str]] = {
    "webhooks": "webhooks cannot be taken",
    "dispatch": "what arrived cannot be started",
    "folders": "folders cannot be watched",
}


@dataclass(slots=True, kw_only=True)
class Desk:
    """What all parts of it work with."""

    house: House
    ledger: Ledger
    agents: Agents
    stop: asyncio.Event
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when something is to be started."""
    failing: set[Part] = field(default_factory=set)
    """What has been tried in vain, and not done since."""

    async def work(self) -> None:
        """All of it until `stop`."""
        await asyncio.gather(
            self._tried("webhooks", self.serve),
            self._tried("dispatch", self.dispatch),
            self._tried("folders", self.watch),
            _again("the heartbeat cannot be written", self.beats, self.stop),
        )

    async def _tried(self, part: Part, work: Callable[[], Awaitable[None]]) -> None:
        """`work`, however often it fails, until `stop`; the sender waits, so it is tried again soon."""

        async def once() -> None:
            try:
                await work()
            except Exception:
                self.failing.add(part)
                raise

        await _again(_VAIN[part], once, self.stop)

    async def beats(self) -> None:
        """A sign of life, with what fails, again and again until `stop`."""
        while not self.stop.is_set():
            beat(self.house.home, "receiver", self.failing)
            await pause(self.stop, BEAT_SECONDS)

    async def serve(self) -> None:
        """Webhooks, until `stop`."""
        webhooks = Webhooks(
            agents=self.agents,
            ledger=self.ledger,
            secret_of=Secrets(environ=os.environ).secret_of,
            accepted=self.arrived.set,
            say=say,
            now=lambda: datetime.now(UTC),
        )
        with listening(self.house.home / PORT, USUAL, backlog=CONNECTIONS) as listener:
            self.failing.discard("webhooks")
            say(f"webhooks are taken at {hook_url(self.house)}")
            app, http = Receiver(webhooks=webhooks).app(), patient(SLOWEST)
            await served(app, listener, self.stop, connections=CONNECTIONS, http=http)

    async def dispatch(self) -> None:
        """Follow what ended, and start what arrived, until `stop`."""
        chains = Chains(agents=self.agents, ledger=self.ledger, project=self.house.project)
        async with get_client() as client:
            dispatcher = Dispatcher(ledger=self.ledger, agents=self.agents, start=starter(client))
            while not self.stop.is_set():
                self.arrived.clear()
                lines = [*await chains.look(), *await dispatcher.one_round(datetime.now(UTC))]
                self.failing.discard("dispatch")
                for line in lines:
                    say(line)
                if not lines:
                    await pause(self.arrived, LOOK_SECONDS)

    async def watch(self) -> None:
        """Look at folders whenever something moves in them, until `stop`."""
        folders: dict[tuple[str, str], Folder] = {}
        looked = float("-inf")
        while not self.stop.is_set():
            folders = self._folders(folders)
            roots = _roots(folders)
            async with aclosing(_bells(roots, self.stop)) as bells:
                async for rung in bells:
                    if rung or time.monotonic() - looked >= RESCAN_SECONDS:
                        looked = time.monotonic()
                        due = [*folders.values()]
                    else:
                        due = [each for each in folders.values() if each.unsettled]
                    await self._look(due)
                    self.failing.discard("folders")
                    if self._moved(folders, roots):
                        looked = float("-inf")
                        break

    async def _look(self, folders: list[Folder]) -> None:
        for folder in folders:
            lines = await folder.look(time.time(), time.monotonic())
            for line in lines:
                say(line)
            if lines:
                self.arrived.set()

    def _moved(self, folders: dict[tuple[str, str], Folder], roots: list[Path]) -> bool:
        """Whether other folders are to be watched than a moment ago."""
        now = self._folders(folders)
        return now != folders or roots != _roots(now)

    def _folders(self, known: dict[tuple[str, str], Folder]) -> dict[tuple[str, str], Folder]:
        """One for each `files` of each agent; what is known of one stays as long as its agent's file does."""
        found: dict[tuple[str, str], Folder] = {}
        every, _ = self.agents.every()
        for name, spec in every.items():
            for trigger in spec.triggers.files:
                folder = known.get((name, trigger.name))
                if folder is None or folder.spec is not spec:
                    folder = Folder(spec=spec, trigger=trigger, project=self.house.project, ledger=self.ledger)
                if not is_own(folder.root, self.house.home):
                    found[name, trigger.name] = folder
        return found


def _roots(folders: Mapping[tuple[str, str], Folder]) -> list[Path]:
    """Those that are there, and can be watched."""
    return sorted({each.root for each in folders.values() if each.root.is_dir()})


def is_own(root: Path, home: Path) -> bool:
    """Whether a folder holds, or lies in, the house's own state: whatever Midwatch writes there would start runs."""
    return root.resolve().is_relative_to(home) or home.is_relative_to(root.resolve())


async def _bells(roots: list[Path], stop: asyncio.Event) -> AsyncGenerator[bool, None]:
    """Whether something moves, again and again; at least once a second, whatever moves."""
    if not roots:
        while not stop.is_set():
            yield False
            await pause(stop, LOOK_SECONDS)
        return
    watching = awatch(
        *roots,
        watch_filter=None,
        debounce=200,
        step=20,
        stop_event=stop,
        rust_timeout=int(LOOK_SECONDS * 1000),
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )
    async with aclosing(watching) as changes:
        async for changed in changes:
            yield bool(changed)


async def _again(what: str, work: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """The sender waits, so it is tried again soon."""
    await again(what, work, stop, first=LOOK_SECONDS, longest=LONGEST_SECONDS, plain=(Away, OSError, SpecError))


async def keep(house: House, stop: asyncio.Event) -> None:
    """All of it until `stop`."""
    async with await open_ledger(house.home) as ledger:
        await ledger.migrate()
        await Desk(house=house, ledger=ledger, agents=Agents(folder=house.project / "agents"), stop=stop).work()


async def _main() -> None:
    stop = told_to_stop()
    await _again("nothing from outside can be taken", lambda: keep(locate(os.environ), stop), stop)


if __name__ == "__main__":
    asyncio.run(_main())
