"""Inbox triage: where is every message? The folders beside the inbox, and what a run did with each.

mail/inbox/NAME.eml      waiting
mail/LABEL/NAME.eml      filed
mail/drafts/NAME.txt     an answer for a person to read and send
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict

from agents.run_notes import notes_of, write_whole
from midwatch.run import RunFacts

Label = Literal["customer", "billing", "automated", "other"]
LABELS: Final[tuple[Label, ...]] = get_args(Label)


class Filing(BaseModel):
    """What the run decided about one message, written down before the message moves."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    label: Label
    sha256: str
    target: str
    """Where the message goes, relative to the project."""
    reply_due: bool
    stated: Mapping[str, bool | str]
    """The facts by which the rules judged it."""


def filing_of(facts: RunFacts, message: str) -> Filing | None:
    """What this run decided about `message` (a path relative to the project), if it has."""
    kept = _filing_file(facts, message)
    return Filing.model_validate_json(kept.read_bytes()) if kept.exists() else None


def filings_of(facts: RunFacts) -> dict[str, Filing]:
    """What this run decided about every message, by the message's file name."""
    kept = sorted((notes_of(facts) / "filed").glob("*.json"))
    return {path.stem: Filing.model_validate_json(path.read_bytes()) for path in kept}


def draft_of(name: str, filing: Filing) -> str:
    """Where the draft for a filed message is, relative to the project."""
    return (Path(filing.target).parent.parent / "drafts" / f"{Path(name).stem}.txt").as_posix()


def file_under(
    facts: RunFacts, message: str, label: Label, *, reply_due: bool, stated: Mapping[str, bool | str]
) -> Filing:
    """Move `message` into its label's folder in one step. Done again, it changes nothing.

    Raises:
        FileNotFoundError: the message is neither in the inbox nor where this run filed it.
    """
    source, earlier = facts.project / message, filing_of(facts, message)
    if earlier and earlier.label == label and (facts.project / earlier.target).exists() and not source.exists():
        return earlier
    sha256 = digest(source)
    folder = source.parent.parent / label
    folder.mkdir(parents=True, exist_ok=True)
    target = _free_name(folder / source.name, sha256)
    filing = Filing(
        label=label, sha256=sha256, target=os.path.relpath(target, facts.project), reply_due=reply_due, stated=stated
    )
    write_whole(_filing_file(facts, message), filing.model_dump_json(indent=1))
    source.rename(target)
    return filing


def current_path(facts: RunFacts, message: str) -> Path:
    """The file of `message`, also after it was filed: a resumed run reads what it read before.

    While a run waits for a person the next one asks about the same message, and whichever is answered first files it.
    """
    source, filing = facts.project / message, filing_of(facts, message)
    if source.exists():
        return source
    if filing is not None:
        return facts.project / filing.target
    elsewhere = (source.parent.parent / label / source.name for label in LABELS)
    return next((path for path in elsewhere if path.exists()), source)


def is_taken(facts: RunFacts, message: str) -> bool:
    """Whether somebody else has filed `message`, or taken it away, since this run began."""
    return not (facts.project / message).exists() and filing_of(facts, message) is None


def draft_path(facts: RunFacts, message: str) -> Path:
    source = facts.project / message
    return source.parent.parent / "drafts" / f"{source.stem}.txt"


def write_draft(facts: RunFacts, message: str, text: str) -> Path:
    """Write the draft whole or not at all."""
    path = draft_path(facts, message)
    write_whole(path, text)
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _free_name(wanted: Path, sha256: str) -> Path:
    """`rename` would overwrite a message of the same name, so the second gets its digest, and the third a number."""
    names = [wanted.stem, f"{wanted.stem}-{sha256[:8]}", *(f"{wanted.stem}-{sha256[:8]}-{n}" for n in range(2, 1000))]
    return next(path for path in (wanted.with_name(name + wanted.suffix) for name in names) if not path.exists())


def _filing_file(facts: RunFacts, message: str) -> Path:
    return notes_of(facts) / "filed" / f"{Path(message).name}.json"
