"""`midwatch ...` as a person types it, and the notices that a person gets."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from pathlib import Path

from midwatch.attention import Person, Situation
from midwatch.ledger import Ledger
from tasks.notices.round import Notifier, Told

MIDWATCH = str(Path(sys.executable).with_name("midwatch"))


async def midwatch(*words: str) -> tuple[int, str]:
    """(exit code, what was printed)"""
    process = await asyncio.create_subprocess_exec(
        MIDWATCH, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    printed, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode()


@dataclass
class Reader:
    """Somebody who answers for one agent, and what they were sent; not asleep, and interrupted as often as it takes."""

    name: str
    agent: str
    ledger: Ledger
    sent: list[str] = field(default_factory=list)

    async def round(self) -> None:
        """One round of the notifier. The first one only makes this person known."""
        person = Person(name=self.name, agents=frozenset({self.agent}), a_day=100)
        await Notifier(ledger=self.ledger, link_to=_nowhere, send=self._take).one_round(
            [Told(person=person, channels=("here",))]
        )

    async def _take(self, channel: str, subject: str, body: str) -> None:
        self.sent.append(f"{subject}\n{body}")


async def _nowhere(situation: Situation, person: str) -> str:
    return "a link"
