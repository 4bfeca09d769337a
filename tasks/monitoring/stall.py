"""Monitoring: does it get anywhere? Progress is an effect, a result not seen before, or a file of the contract that changed."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

from midwatch.contract import Contract
from midwatch.monitors import MonitorName, StallMonitor, Then
from midwatch.run import RunFacts
from tasks.monitoring.contract import check_contract
from tasks.monitoring.exchange import Exchange, Sight
from tasks.step.log import RunLog

WINDOW: Final = 256
"""Calls, and results, that are remembered, the latest ones."""
GUESSES: Final = 3
"""Requests that ask for something new and bring only results seen before, for one that does not even ask for something new."""
LOOK_SECONDS: Final = 10.0


@dataclass(kw_only=True)
class Looks:
    """What the files of the contract looked like whenever it mattered; the same in every life of the run."""

    conversation: str
    contract: Contract
    facts: RunFacts
    log: RunLog
    _last: list[Any] | None = None

    def changed_before(self, turn: int) -> bool:
        """As `changed`, in an earlier life of the run; False where none looked then."""
        stored = self.log.done(self._position(turn))
        return stored is not None and self._differs(json.loads(stored.result_json))

    async def changed(self, turn: int) -> bool:
        """Look, before the request `turn`: is anything otherwise than the last time?"""
        return self._differs(
            await self.log.step("monitoring", "monitoring · the contract's files", self._position(turn), self._look)
        )

    async def _look(self) -> list[Any]:
        """What can be looked at in no time. Commands, functions, addresses and databases are left out."""
        files = Contract(done_when=[check for check in self.contract.done_when if check.file])
        found = await check_contract(files, self.facts, which="done_when", at_most_seconds=LOOK_SECONDS)
        return [finding.model_dump(mode="json") for finding in found]

    def _differs(self, found: list[Any]) -> bool:
        before, self._last = self._last, found
        return before is not None and before != found

    def _position(self, turn: int) -> str:
        return f"{self.conversation}/looked/{turn}"


@dataclass
class Lately:
    """What was there lately."""

    _there: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def is_new(self, what: str) -> bool:
        """Whether it was not; from now on it was."""
        is_new = what not in self._there
        self._there[what] = None
        self._there.move_to_end(what)
        if len(self._there) > WINDOW:
            self._there.popitem(last=False)
        return is_new


@dataclass(kw_only=True)
class StallWatch:
    """Of one conversation."""

    settings: StallMonitor
    effects: Collection[str]
    """Names of the tools that change something."""
    looks: Looks
    name: MonitorName = "stall"
    _since: int = 0
    """Model requests since the last progress."""
    _idle: int = 0
    """The same, weighed: GUESSES for each, 1 for one that asks for something new."""
    _calls: Lately = field(default_factory=Lately)
    _results: Lately = field(default_factory=Lately)

    @property
    def then(self) -> Then:
        return self.settings.then

    @property
    def more_steps(self) -> int:
        return self.settings.more_steps

    def see(self, exchange: Exchange, turn: int) -> None:
        """One turn more. What failed or was refused is no progress, whatever it says."""
        done = [call for call in exchange.calls if call.fate == "done"]
        asks = [self._calls.is_new(call.digest) for call in done]
        moved = [self._results.is_new(call.brought) or call.tool in self.effects for call in done]
        if any(moved) or self.looks.changed_before(turn):
            self._since = self._idle = 0
        else:
            self._since += 1
            self._idle += 1 if any(asks) else GUESSES

    async def sight(self, turn: int, *, told: bool) -> Sight | None:
        """No progress for `steps` requests, weighed, and for as many again where the model was told.

        The contract's files are looked at only when it comes to that: once to tell, once more before it is stopped.
        """
        if self._idle < GUESSES * self.settings.steps * (2 if told else 1):
            return None
        if await self.looks.changed(turn) and told:
            self._since = self._idle = 0
            return None
        return Sight(
            told=f"In your last {self._since} steps nothing was done and nothing new was found out. Take another way, or "
            "finish and say what is left undone.",
            asked=f"gets nowhere: nothing was done and nothing new was found out in its last {self._since} steps",
        )
