"""The ladder: would the agent as it is now have done what was right then? Past runs as cases, effect by effect. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from math import floor
from typing import Any, Final

from midwatch.calls import canonical_json, parse_call

MIN_CASES: Final = 10
"""Past runs of what an agent was that it has to pass before anything of that is inherited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One effect: a tool and its arguments, in their one spelling."""

    tool: str
    args_json: str

    def said(self) -> str:
        return f"{self.tool} {self.args_json}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """How an agent did on one case."""

    case_run: str
    missing: tuple[str, ...]
    """Effects of the past run that it would not have made."""
    extra: tuple[str, ...]
    """Effects that it would have made, and the past run did not."""
    not_on_record: tuple[str, ...]
    """Calls that only look and that the past run never made: each is a deviation, and answered with nothing."""
    fault: str
    """Why it did not end by itself; "" where it did."""

    @property
    def passed(self) -> bool:
        """It made the same effects, as often, and ended by itself."""
        return not (self.missing or self.extra or self.fault)

    def as_json(self) -> str:
        """For the ledger."""
        told = {"missing": self.missing, "extra": self.extra, "not_on_record": self.not_on_record, "fault": self.fault}
        return json.dumps(told)


def compared(
    expected: Iterable[Made], made: Iterable[Made], loose: Collection[str] = ()
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(missing, extra): two multisets of effects against each other.

    Args:
        loose: `TOOL.ARGUMENT`, of which any value counts as the same: a text that is worded anew each time.
    """
    then, now = Counter(as_compared(one, loose) for one in expected), Counter(as_compared(one, loose) for one in made)
    return tuple(sorted((then - now).elements())), tuple(sorted((now - then).elements()))


def as_compared(one: Made, loose: Collection[str] = ()) -> str:
    """The effect without what does not count."""
    arguments: dict[str, Any] = dict(parse_call(one.tool, one.args_json).args)
    kept = {name: "(any)" if f"{one.tool}.{name}" in loose else value for name, value in arguments.items()}
    return Made(tool=one.tool, args_json=canonical_json(kept)).said()


def inherited(clean: int, discount: float, passed: bool) -> int:
    """Clean actions of an older fingerprint that a new one begins with.

    Args:
        clean: of the older one, since its last fall.
        discount: the share of them that the operator lets count, 0 (nothing) to 1.
        passed: the new one has passed every case, under its own fingerprint.

    Raises:
        ValueError: a share that is none.
    """
    if not 0 <= discount <= 1:
        raise ValueError(f"a discount is a share from 0 to 1, not {discount!r}")
    return floor(max(clean, 0) * discount) if passed else 0
