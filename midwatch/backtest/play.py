"""The backtest: one pass over a ledger, with every socket closed. Read page by page; nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from midwatch.backtest.replay import Replay, Trial
from midwatch.backtest.report import Report, Tally, report
from midwatch.backtest.sockets import closed_sockets
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
    seen: Seen = lambda _: None,
) -> Report:
    """What `trial` would have made of the calls of its agent that were decided from `since` on and before `until`.

    Budgets are replayed from as long before `since` as the longest of them looks back.
    """
    agent, replay, tally = trial.spec.name, Replay(trial), Tally()

    def take(calls: Sequence[PastCall], later: int) -> None:
        told = replay.tell(calls)
        counted = [one for one in told if since is None or one.call.at >= since]
        tally.add(counted, later)
        seen(len(calls) + later)

    before = since and since - _longest(trial)
    with closed_sockets():
        await ledger.each_decision(agent, take, since=before, until=until, lookups=trial.lookups)
    return report(tally, agent=agent, rules=trial.policy.fingerprint, level=trial.level, since=since, until=until)


def _longest(trial: Trial) -> timedelta:
    budgets = (rule.budget for rules in trial.policy.budgeted.values() for rule in rules)
    return max((budget.window.length for budget in budgets if budget), default=timedelta(0))
