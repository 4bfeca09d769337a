"""Both shipped agents: what does a run remember for its contract? Files that no tool offers to the model."""

from __future__ import annotations

from pathlib import Path

from midwatch.run import RunFacts


def notes_of(facts: RunFacts) -> Path:
    """The folder of this run; it need not exist yet."""
    return facts.home / "notes" / facts.agent / "runs" / facts.run_id


def write_whole(path: Path, text: str) -> None:
    """Write `text` completely or not at all, also when the machine dies in the middle."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".part")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
