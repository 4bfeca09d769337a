"""Permissions: how much may an allow rule let through in a while? The sibling `budget`: a sum, or a number of calls.

    - pay: {amount: {above: 0, max: 100}, currency: EUR}
      id: small-payments
      budget: {sum: amount, max: 500, per: 24h}
    - mcp__search__query
      id: searches
      budget: {max: 20, per: 7d}

The ledger counts (`midwatch/ledger/draws.py`); here only whether one more call fits. Beyond it the rule does not cover.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from midwatch.calls import Call
from midwatch.decision import Verdict
from midwatch.policy.reading import COVERED, Cover, PolicyContext
from midwatch.window import Draw, Window, overdrawn

_WORDS: Final = frozenset({"sum", "max", "per"})
_PER: Final = re.compile(r"([1-9][0-9]{0,3}) ?(m|h|d)")
_UNITS: Final = {
    "m": (timedelta(minutes=1), "min"),
    "h": (timedelta(hours=1), "h"),
    "d": (timedelta(days=1), "days"),
}
CURRENCY: Final = "currency"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one rule may let through, in any stretch of time of this length."""

    argument: str
    """Whose values are added up; "": calls are counted."""
    window: Window

    def leaves_room(self, call: Call, context: PolicyContext) -> Cover:
        """Covered as long as this call still fits."""
        amount = self._taken_by(call)
        if amount is None:
            return Cover(held=False, why_not=f"its budget cannot count `{self.argument}`, which is no number from 0 up")
        spent = None if context.spent is None else context.spent.get(self.window.rule)
        why = overdrawn(self.window, spent, amount)
        return Cover(held=False, why_not=why) if why else COVERED

    def draw(self, call: Call, *, held: bool) -> Draw | None:
        """What the call takes; None where it carries nothing that can be counted."""
        amount = self._taken_by(call)
        return None if amount is None else Draw(window=self.window, amount=amount, held=held)

    def _taken_by(self, call: Call) -> Decimal | None:
        if not self.argument:
            return Decimal(1)
        value = call.args.get(self.argument)
        if isinstance(value, bool) or not isinstance(value, int | Decimal) or value < 0:
            return None
        return Decimal(value)


def read_budget(
    effect: Verdict, rule: str, entry: Mapping[str, Any], conditions: object, arguments: Collection[str] | None
) -> Budget | None:
    """The budget of one rule; None where it has none.

    Args:
        rule: the id that it is counted under.
        entry: the rule as written.
        conditions: what it asks of the arguments.
        arguments: those that its tools have; None where nobody knows them.

    Raises:
        ValueError: what is wrong and what to write.
    """
    if "budget" not in entry:
        return None
    said = entry["budget"]
    if effect != "allow":
        raise ValueError("`budget` stands beside an allow rule: beyond it, a person is asked")
    if not isinstance(said, Mapping) or not {"max", "per"} <= said.keys() <= _WORDS:
        raise ValueError("`budget` is `{max: 20, per: 7d}` for calls, or `{sum: ARGUMENT, max: 500, per: 24h}`")
    if "id" not in entry:
        raise ValueError("a rule with a `budget` needs an `id`: what is spent is counted under it")
    argument = said.get("sum", "")
    if not isinstance(argument, str) or ("sum" in said and not argument):
        raise ValueError("`budget.sum` names an argument whose values are added up")
    if argument and arguments is not None and argument not in arguments:
        raise ValueError(f"`budget.sum: {argument}`: the tool has no such argument")
    length, per = _length(said["per"])
    measure = _measure(argument, conditions, arguments)
    most = _most(said["max"], whole=not argument)
    return Budget(argument=argument, window=Window(rule=rule, measure=measure, most=most, length=length, per=per))


def _length(said: object) -> tuple[timedelta, str]:
    match = _PER.fullmatch(said) if isinstance(said, str) else None
    if not match:
        raise ValueError(f"`budget.per: {said}` is a length of time like `30m`, `24h` or `7d`")
    unit, word = _UNITS[match[2]]
    return int(match[1]) * unit, f"{match[1]} {word}"


def _most(said: object, *, whole: bool) -> Decimal:
    number = isinstance(said, int | float | str | Decimal) and not isinstance(said, bool)
    try:
        most = Decimal(str(said)) if number else Decimal("NaN")
    except InvalidOperation:
        most = Decimal("NaN")
    if not most.is_finite() or most <= 0 or (whole and most != most.to_integral_value()):
        raise ValueError(f"`budget.max: {said}` is no {'number of calls' if whole else 'positive number'}")
    return most


def _measure(argument: str, conditions: object, arguments: Collection[str] | None) -> str:
    """Two currencies are never added: the rule itself says which one it is about."""
    if not argument:
        return "calls"
    said = conditions.get(CURRENCY) if isinstance(conditions, Mapping) else None
    if (currency := _only(said)) is not None:
        return f"{argument} {currency}"
    if said == {"present": False} or (arguments is not None and CURRENCY not in arguments):
        return argument
    raise ValueError("its `budget` would add up several currencies: name one in the rule (`currency: EUR`)")


def _only(said: object) -> str | None:
    """The one currency that a condition leaves."""
    if isinstance(said, Mapping):
        said = None if said.get("optional") else said.get("one_of")
    choices = said if isinstance(said, list) else [said]
    return choices[0] if len(choices) == 1 and isinstance(choices[0], str) else None
