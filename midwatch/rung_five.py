"""The ladder: what does level 5 ask for besides its runs? Nobody is there, so whatever stands in for somebody must be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from midwatch.ledger import HaltCheck
from midwatch.ledger.layers import LayersSeen
from midwatch.spec import AgentSpec

PING_TAKEN: Final = "ping.taken"
"""File in the home that the keeper touches each time that the address outside has taken its ping."""
LAYERS_FOR: Final = timedelta(days=7)
HALT_FOR: Final = timedelta(days=2)
"""The self-test runs once a day."""
PING_FOR: Final = timedelta(hours=1)
"""The ping goes out each minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIns:
    """What stands in for somebody, as it was last seen."""

    layers: LayersSeen | None
    halt_check: HaltCheck | None
    ping_taken: datetime | None
    """When the address outside last took a ping; None: there is none."""
    worth: str
    """Why autonomy may not be worth it; "" where it is."""


def missing_for_five(spec: AgentSpec, fingerprint: str, seen: StandIns, now: datetime) -> tuple[str, ...]:
    """What is not there, each with what would supply it; empty where nothing is missing."""
    return tuple(_missing(spec, fingerprint, seen, now))


def _missing(spec: AgentSpec, fingerprint: str, seen: StandIns, now: datetime) -> Iterator[str]:
    name = spec.name
    layers, halt = seen.layers, seen.halt_check
    if layers is None or not layers.held or layers.fingerprint != fingerprint or layers.at + LAYERS_FOR < now:
        yield f"all six layers, held within {LAYERS_FOR.days} days: `midwatch check {name}`"
    if not spec.contract.done_when:
        yield f"a contract of what is done: `contract: {{done_when: ...}}`, `midwatch contract suggest {name}`"
    if halt is None or not halt.held or halt.at + HALT_FOR < now:
        yield f"a self-test of the halt that held within {HALT_FOR.days} days: the deployment `halt-check`"
    if spec.expect_within_hours is None:
        yield "somebody who hears that it is silent: `expect_within_hours` in its file"
    if seen.ping_taken is None or seen.ping_taken + PING_FOR < now:
        yield "a dead-man's switch outside that has heard from the house within the hour: `MIDWATCH_PING_URL`"
    if seen.worth:
        yield f"a positive answer to whether it is worth it ({seen.worth})"
