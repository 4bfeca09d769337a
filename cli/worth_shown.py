"""`midwatch worth`: how is the verdict shown, with what it stands on? As words and tables, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

from cli import terminal
from midwatch.calls import visible
from midwatch.worth.answers import MEASURED, WORDS
from midwatch.worth.balance import Balance
from midwatch.worth.sensitivity import Swing, sensitivity
from midwatch.worth.sequence import Invariant
from midwatch.worth.verdict import Verdict, Worth

if TYPE_CHECKING:
    from cli.worth import Found

SAID: Final[dict[Verdict, str]] = {
    "keep": "keep",
    "lower": "lower: level 3 at most",
    "plain_script": "replace it by a plain script",
    "retire": "retire",
}


def print_worth(found: Found, judged: Worth) -> None:
    """Verdict and reasons first; then the month, where it breaks even, and what it hangs on."""
    console, name = terminal.console(soft_wrap=True), found.spec.name
    console.print(f"{name}: {SAID[judged.verdict]}", style="bold", markup=False)
    for reason in judged.reasons:
        console.print(f"  {visible(reason)}", markup=False)
    console.print(_month(judged), soft_wrap=False)
    for line in _around(found, judged):
        console.print(visible(line), markup=False)
    swings = sensitivity(found.answers, found.profile, found.history)
    console.print(_swings(swings), soft_wrap=False)
    console.print("* half or twice of it leads to another verdict\n" if any(one.carries for one in swings) else "")
    _print_signed(found, judged, console)


def _month(judged: Worth) -> Table:
    how = "measured" if judged.basis == "ledger" else "assumed"
    table = terminal.table("US dollars", "a month", right=("a month",), title=f"\nA month of 30 days, {how}")
    balance = judged.balance
    rows = {
        f"saved: {amount(balance.pieces)} pieces of work in {amount(balance.runs)} runs": balance.value,
        "model": -balance.model,
        "review": -balance.review,
        "incidents": -balance.incidents,
        "upkeep": -balance.upkeep,
        "balance": balance.net,
        "balance, should nothing be asked": balance.unasked,
        "balance, should a person look at every run": balance.watched,
    }
    for what, value in rows.items():
        table.add_row(what, money(value))
    return table


def _around(found: Found, judged: Worth) -> Iterator[str]:
    yield ""
    yield f"Value and cost are the same at {' or at '.join(_even(judged.balance, found.answers.minutes))}."
    if judged.outside is not None:
        of = "runs" if judged.basis == "ledger" else "schedule's slots"
        share = f"{judged.outside:.0%}".replace("%", " %")
        yield f"Outside working hours (Mon-Fri 9 to 17, {found.profile.zone}): {share} of its {of}."
    yield f"Reliable at level 3: {judged.reliable}."
    if isinstance(judged.sequence, Invariant):
        yield f"`midwatch worth {found.spec.name} --script` prints the script."
    else:
        yield f"No plain script: {judged.sequence}."


def _even(balance: Balance, minutes: Decimal) -> Iterator[str]:
    if (runs := balance.even_runs) is not None:
        yield f"{amount(runs)} runs a month"
    if (each := balance.even_minutes(minutes)) is not None:
        yield f"{amount(each)} minutes saved by each piece"
    if runs is None and each is None:
        yield "no number of runs"


def _swings(swings: list[Swing]) -> Table:
    columns = ("", "stands at", "half of it", "balance", "twice", "balance ")
    figures = ("stands at", "balance", "balance ")
    table = terminal.table(*columns, right=figures, title="\nWhat it hangs on")
    for one in swings:
        mark = " *" if one.carries else ""
        halved, doubled = (money(net) for net in (one.halved_net, one.doubled_net))
        table.add_row(f"{WORDS[one.question]}{mark}", amount(one.value), one.halved, halved, one.doubled, doubled)
    return table


def _print_signed(found: Found, judged: Worth, console: Console) -> None:
    entering = found.answers.assumed - (MEASURED if judged.basis == "ledger" else frozenset())
    if entering:
        console.print(f"Assumed, nobody has said so: {'; '.join(WORDS[one] for one in WORDS if one in entering)}.")
        console.print(f"`midwatch worth {found.spec.name} --ask` asks; each has an option of its own.")
    if found.signed is not None:
        console.print(f"Answered by {visible(found.signed.by)} on {found.signed.at:%Y-%m-%d}.", markup=False)


def as_facts(found: Found, judged: Worth) -> str:
    """JSON; amounts are strings, digit for digit to a ten-thousandth."""
    balance = judged.balance
    sequence = judged.sequence
    facts = {
        "agent": found.spec.name,
        "verdict": judged.verdict,
        "positive": judged.positive,
        "basis": judged.basis,
        "reasons": judged.reasons,
        "month_usd": _exact(
            {**asdict(balance), **{name: getattr(balance, name) for name in ("cost", "net", "unasked", "watched")}}
        ),
        "even": _exact({"runs": balance.even_runs, "minutes": balance.even_minutes(found.answers.minutes)}),
        "reliable": judged.reliable,
        "outside": None if judged.outside is None else f"{judged.outside:.4f}",
        "alike": None if isinstance(sequence, str) else [call.tool for call in sequence.calls],
        "not_alike_because": sequence if isinstance(sequence, str) else None,
        "profile": found.profile.model_dump(mode="json"),
        "answers": found.answers.model_dump(mode="json", exclude={"assumed"}),
        "assumed": sorted(found.answers.assumed),
        "by": found.signed and found.signed.by,
        "at": found.signed and found.signed.at.isoformat(),
        "sensitivity": [_exact(asdict(one)) for one in sensitivity(found.answers, found.profile, found.history)],
    }
    return json.dumps(facts)


def _exact(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: f"{value:.4f}" if isinstance(value, Decimal) else value for name, value in facts.items()}


def money(value: Decimal) -> str:
    """Whole cents; never minus nothing."""
    return f"{round(value, 2) + Decimal('0.00'):,.2f}"


def amount(value: Decimal) -> str:
    """Three digits are enough for a person."""
    return f"{value:,.0f}" if value >= 100 else f"{float(value):.3g}"
