"""Inbox triage: is it done? Read back from the folders: every message in exactly one place, and drafts where due."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from agents.inbox_triage.mailbox import LABELS, Stock, digest, draft_path, filing_of, take_stock
from midwatch.agent_file import load_agent
from midwatch.contract import Finding
from midwatch.run import RunFacts


def inbox_is_empty(facts: RunFacts) -> list[Finding]:
    """For `noop_when`. The first look of a run also writes down what it found, for the checks at the end."""
    stock = take_stock(facts, _inbox(facts))
    return [Finding(check="inbox is empty", held=not stock.messages, detail=f"{len(stock.messages)} in {stock.inbox}")]


def nothing_lost_or_twice(facts: RunFacts) -> list[Finding]:
    """Every message that was there at the start is in exactly one place, byte for byte; the inbox is a place."""
    stock = take_stock(facts, _inbox(facts))
    mail = (facts.project / stock.inbox).parent
    folders = [facts.project / stock.inbox, *(mail / label for label in LABELS)]
    there = Counter(digest(path) for folder in folders for path in folder.glob("*.eml"))
    wanted = Counter(stock.messages.values())
    lost = [name for name, sha256 in stock.messages.items() if there[sha256] < wanted[sha256]]
    twice = [name for name, sha256 in stock.messages.items() if there[sha256] > wanted[sha256]]
    return [
        Finding(check="no message is lost", held=not lost, detail=_listed(lost, of=stock, what="lost")),
        Finding(check="no message is there twice", held=not twice, detail=_listed(twice, of=stock, what="there twice")),
    ]


def all_filed(facts: RunFacts) -> list[Finding]:
    """No message of the start is left in the inbox; what a person refused or left unanswered is, and is named."""
    stock = take_stock(facts, _inbox(facts))
    left = [name for name in stock.messages if (facts.project / stock.inbox / name).exists()]
    return [
        Finding(
            check="every message is filed", held=not left, detail=_listed(left, of=stock, what="still in the inbox")
        )
    ]


def drafts_written(facts: RunFacts) -> list[Finding]:
    """Each filed message whose reply is due has its draft, newer than the run's start."""
    stock = take_stock(facts, _inbox(facts))
    filings = {name: filing_of(facts, str(Path(stock.inbox) / name)) for name in stock.messages}
    due = [name for name, filing in filings.items() if filing and filing.reply_due]
    missing = [name for name in due if not _fresh(draft_path(facts, str(Path(stock.inbox) / name)), facts)]
    detail = f"{len(due)} due; " + _listed(missing, of=stock, what="without a draft")
    return [Finding(check="drafts are there where due", held=not missing, detail=detail)]


def _inbox(facts: RunFacts) -> Path:
    """The folder of the agent file's `for_each.files`: a user points the agent to his own mail in one line."""
    spec = load_agent(facts.project / "agents" / f"{facts.agent}.yaml")
    return Path(spec.for_each.files if spec.for_each else "mail/inbox/*.eml").parent


def _fresh(path: Path, facts: RunFacts) -> bool:
    return path.exists() and path.stat().st_mtime >= facts.started_at.timestamp() - 1


def _listed(names: Iterable[str], *, of: Stock, what: str) -> str:
    named = list(names)
    return f"{len(named)} of {len(of.messages)} {what}" + (": " + ", ".join(named) if named else "")
