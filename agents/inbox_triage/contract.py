"""Inbox triage: is it done? What files alone don't tell: a draft is there for each message whose reply is due."""

from __future__ import annotations

from pathlib import Path

from agents.inbox_triage.mailbox import draft_of, filings_of
from midwatch.contract import Finding
from midwatch.run import RunFacts


def drafts_written(facts: RunFacts) -> list[Finding]:
    """Each message that this run filed and whose reply is due has its draft, newer than the run's start."""
    filings = filings_of(facts)
    due = {name: filing for name, filing in filings.items() if filing.reply_due}
    missing = [name for name, filing in due.items() if not _fresh(facts.project / draft_of(name, filing), facts)]
    detail = f"{len(filings)} filed, {len(due)} due, {len(missing)} without a draft"
    detail += ": " + ", ".join(missing) if missing else ""
    return [Finding(check="drafts are there where due", held=not missing, detail=detail)]


def _fresh(path: Path, facts: RunFacts) -> bool:
    return path.exists() and path.stat().st_mtime >= facts.started_at.timestamp() - 1
