"""Monitoring: what does a good run of this agent look like, and what lies beyond it? Robust bounds from its own verified runs.

A bound is median + 3.5 * MAD / 0.6745, the modified z-score of Iglewicz and Hoaglin (1993) that NIST's handbook of statistics
recommends (e-Handbook of Statistical Methods, 1.3.5.17): a single strange night among eight moves it little, where mean and
standard deviation would follow it. It is taken of logarithms, since steps, dollars and minutes vary by factors and are never
negative. A high quantile was not taken: of eight runs it is their maximum. Where runs are all alike the MAD is nothing, so
that a bound is at least twice the median.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

LAST: Final = 20
"""Verified runs that are looked at: no more, however long the history."""
STRANGE: Final = 3.5 / 0.6745
TWICE: Final = math.log(2)
MOST_NAMES: Final = 500
"""Hosts or recipients of one run that are kept; a run with more has no habit of whom it reaches."""

Amount = Literal["steps", "usd", "minutes"]
AMOUNTS: Final[dict[Amount, tuple[str, float]]] = {
    "steps": ("steps", 1.0),
    "usd": ("US dollars", 0.01),
    "minutes": ("minutes at work", 1.0),
}
"""What is measured, as a person reads it, and how much of it is a trifle: added before the logarithm, so that 0 has one."""
Kind = Literal["tool", "host", "recipient"]


class Traits(BaseModel):
    """What one run did, by what can be told from its steps."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    items: int = 1
    """Conversations; amounts are told for one of them."""
    steps: float = 0
    usd: float = 0
    minutes: float = 0
    tools: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    recipients: frozenset[str] = frozenset()


class Habit(BaseModel):
    """What the agent's last verified runs have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    runs: int = 0
    bounds: dict[Amount, float] = {}
    """Of one conversation."""
    tools: frozenset[str] = frozenset()
    hosts: frozenset[str] | None = frozenset()
    """None: they reach more than is kept, so none is new."""
    recipients: frozenset[str] | None = frozenset()


def habit_of(runs: Sequence[Traits], *, at_least: int) -> Habit | None:
    """None where there are too few runs to speak of a habit."""
    if len(runs) < at_least:
        return None
    return Habit(
        runs=len(runs),
        bounds={
            name: bound([getattr(run, name) / max(1, run.items) for run in runs], trifle)
            for name, (_, trifle) in AMOUNTS.items()
        },
        tools=frozenset().union(*(run.tools for run in runs)),
        hosts=_all([run.hosts for run in runs]),
        recipients=_all([run.recipients for run in runs]),
    )


def bound(values: Sequence[float], trifle: float) -> float:
    """The most that is not unusual, given what was seen; `values` is not empty and has nothing negative."""
    logs = [math.log(value + trifle) for value in values]
    middle = median(logs)
    spread = median(abs(one - middle) for one in logs)
    return round(math.exp(middle + max(STRANGE * spread, TWICE)) - trifle, 6)


def reached(arguments: Mapping[str, object], sinks: Sequence[str] | None) -> tuple[frozenset[str], frozenset[str]]:
    """The hosts and the recipients that a call speaks of.

    Args:
        arguments: as they were judged.
        sinks: which arguments say who something goes to, as the tool declares them.
    """
    hosts = frozenset(host for text in _texts(arguments) if (host := host_of(text)))
    named = [text for name in sinks or () for text in _texts(arguments.get(name))]
    return hosts, frozenset(text.strip().casefold() for text in named if text.strip() and not host_of(text))


def host_of(text: str) -> str:
    """The host of a text that is a URL and nothing else; "" of every other."""
    if "://" not in text[:20] or any(letter.isspace() for letter in text):
        return ""
    try:
        return (urlsplit(text).hostname or "").casefold()
    except ValueError:
        return ""


def _texts(value: object) -> list[str]:
    match value:
        case str():
            return [value]
        case Mapping():
            return [text for one in value.values() for text in _texts(one)]
        case list() | tuple():
            return [text for one in value for text in _texts(one)]
        case _:
            return []


def _all(names: Sequence[frozenset[str]]) -> frozenset[str] | None:
    return None if any(len(one) >= MOST_NAMES for one in names) else frozenset().union(*names)
