"""The house: what is a duty of the keeper's, and what does it work with?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from prefect.client.orchestration import PrefectClient

from midwatch.agents import Agents
from midwatch.ledger import Ledger
from tasks.harness.place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """What a duty works with."""

    client: PrefectClient
    ledger: Ledger
    here: Place
    failing: list[str] = field(default_factory=list)
    """Names of the duties that failed in the last round."""
    agents: Agents = field(init=False)
    """Their files, for all duties."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "agents", Agents(folder=self.here.agents))


Duty = Callable[[Rounds, datetime], Awaitable[list[str]]]
"""Looks once; returns what was done, a line each. May be done twice, or late, without harm."""
