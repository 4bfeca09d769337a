"""Monitoring: are two runs that ended badly the same failure? The digest, a notice and the breaker count by one answer."""

from __future__ import annotations

import re
from typing import Final

from midwatch.outcome import Outcome

_VARYING: Final = re.compile(r"\b(?=\w*\d)[\w-]+|\d+")
"""What differs between two times of the same failure: numbers, dates, ids."""
_ALIKE: Final = 120
"""Characters of a reason that have to be alike."""


def shape(reason: str) -> str:
    """A reason without what differs each time."""
    return _VARYING.sub("#", reason[: 4 * _ALIKE])[:_ALIKE]


def cause_of(outcome: Outcome, reason: str) -> str:
    """What a failure is called, so that its next time has the same name: `failed: could not push to #`."""
    return f"{outcome}: {shape(reason)}"
