"""Notices: which call did a run not get that ended badly? Named by its tool and by who said no, never by its arguments."""

from __future__ import annotations

import re
from typing import Final

from midwatch.ledger import AskRow, DecisionRow, Ledger, NoticeRow
from midwatch.run_ids import short

_NAME: Final = re.compile(r"[\w.\[\]-]{1,80}")
"""Tools of MCP servers are named by the server: what is no plain name is not repeated."""
_MOST: Final = 3


async def denied(ledger: Ledger, notice: NoticeRow) -> str:
    """One line, to stand at the end of a notice; "" where nothing was denied, or nothing has ended."""
    if notice.topic != "endings" or not notice.subjects:
        return ""
    run_id = notice.subjects[-1].run_id
    ruled = [_ruled(row) for row in await ledger.decisions_of(run_id) if row.verdict == "deny"]
    said = [_said(row) for row in await ledger.asks_of(run_id) if row.verdict in ("denied", "expired")]
    calls = list(dict.fromkeys([*ruled, *said]))
    more = f" and {len(calls) - _MOST} more" if len(calls) > _MOST else ""
    return f"\nNot allowed in run {short(run_id)}: {', '.join(calls[:_MOST])}{more}." if calls else ""


def _ruled(row: DecisionRow) -> str:
    return f"{_plain(row.tool)} (denied by {_plain(row.rule)})"


def _said(row: AskRow) -> str:
    return f"{_plain(row.tool)} ({'nobody answered in time' if row.verdict == 'expired' else 'a person refused it'})"


def _plain(name: str) -> str:
    return name if _NAME.fullmatch(name) else "something without a plain name"
