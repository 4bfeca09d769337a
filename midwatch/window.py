"""Permissions and ledger: does one more call fit into a rule's sliding window? Exact, whatever number a call carries."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import Final

_EXACT: Final = Context(prec=2000, traps=[Inexact, InvalidOperation, Overflow, DivisionByZero])
"""Every number that `parse_call` lets through has fewer digits; a sum that would be rounded raises instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How much one rule lets through in a while."""

    rule: str
    measure: str
    """What is counted: `calls`, `amount`, `amount EUR`. Another measure is another count."""
    most: Decimal
    length: timedelta
    per: str
    """The length in words: `24 h`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What one call takes from a window."""

    window: Window
    amount: Decimal
    held: bool
    """It must fit. False: a person said yes to it, or another rule lets it through; it is counted all the same."""
    mandate: int | None = None
    """The mandate that it is drawn from, which must still stand."""


def overdrawn(window: Window, spent: Decimal | None, amount: Decimal) -> str:
    """Why `amount` does not fit behind `spent`; "" when it does. What nobody knows leaves no room."""
    if spent is None or not spent.is_finite() or spent < 0:
        return f"nobody knows how much of the {_said(window.most)} in {window.per} is spent"
    if exact_sum((spent, amount)) <= window.most:
        return ""
    return f"{_said(spent)} of {_said(window.most)} in {window.per} are spent; this call takes {_said(amount)}"


def _said(number: Decimal) -> str:
    return re.sub(r"\.0+$", "", f"{number:f}")


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """Raises decimal.Inexact where it would have to round."""
    total = Decimal(0)
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total


def exact_product(amount: Decimal, times: int) -> Decimal:
    """Raises decimal.Inexact where it would have to round."""
    return _EXACT.multiply(amount, Decimal(times))
