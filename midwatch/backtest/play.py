"""The backtest: one pass over a ledger, with every socket closed. Read page by page; nothing is written."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from midwatch.backtest.judged import WORTH, Judge, OneCore, TwoCores, cores
from midwatch.backtest.replay import Replay, Trial
from midwatch.backtest.report import Report, Tally, report
from midwatch.backtest.sockets import closed_sockets
from midwatch.errors import LedgerError
from midwatch.ledger import Ledger
from midwatch.ledger.backtest import PastCall

Seen = Callable[[int], None]
"""Hears how many more rows were read."""


async def backtest(
    ledger: Ledger,
    trial: Trial,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    model: str | None = None,
    seen: Seen = lambda _: None,
) -> Report:
    """What `trial` would have made of the calls of its agent that were decided from `since` on and before `until`.

    Budgets are replayed from as long before `since` as the longest of them looks back.

    Args:
        model: only of runs that this one alone has answered; None: of all.

    Raises:
        LedgerError: there is no such run.
    """
    agent, tally = trial.spec.name, Tally(level=trial.level)
    before = since and since - _longest(trial)
    rows = await ledger.count_decisions(agent, before, until, model=model)
    unrecorded = await _unrecorded(ledger, agent, model, since, until) if model else 0
    with _without_what_stays(), _judge(trial, rows) as judge, closed_sockets():
        replay, waiting = Replay(trial, judge), 0

        def end() -> None:
            told = replay.end() if waiting else []
            tally.add([one for one in told if since is None or one.call.at >= since])

        def take(calls: Sequence[PastCall], later: int) -> None:
            """The page before is ended while this one was read: meanwhile a second core was at it."""
            nonlocal waiting
            end()
            tally.later += later
            replay.begin(calls)
            waiting = len(calls)
            seen(waiting + later)

        await ledger.each_decision(agent, take, since=before, until=until, lookups=trial.lookups, model=model)
        end()
    tally.unrecorded = unrecorded
    rules, level = trial.policy.fingerprint, trial.level
    return report(tally, agent=agent, rules=rules, level=level, model=model, since=since, until=until)


async def _unrecorded(ledger: Ledger, agent: str, model: str, since: datetime | None, until: datetime | None) -> int:
    """Decisions in runs that another model has answered, or several. Raises LedgerError where it is all of them."""
    every = await ledger.count_decisions(agent, since, until)
    of_it = await ledger.count_decisions(agent, since, until, model=model)
    if not of_it:
        known = ", ".join(await ledger.models_decided(agent)) or "none"
        raise LedgerError(
            f"no call of {agent} was decided about in a run that {model!r} alone has answered, and none is asked here; "
            f"recorded are answers of: {known}. `midwatch evals {agent} --model {model}` asks it, on past runs"
        )
    return every - of_it


@contextmanager
def _judge(trial: Trial, rows: int) -> Iterator[Judge]:
    """Of as many cores as there are, and pay."""
    if rows < WORTH or cores() < 2:
        yield OneCore(trial)
        return
    with TwoCores(trial) as judge:
        yield judge


@contextmanager
def _without_what_stays() -> Iterator[None]:
    """What was there before, libraries above all, is not looked through for garbage again and again."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _longest(trial: Trial) -> timedelta:
    budgets = (rule.budget for rules in trial.policy.budgeted.values() for rule in rules)
    return max((budget.window.length for budget in budgets if budget), default=timedelta(0))
