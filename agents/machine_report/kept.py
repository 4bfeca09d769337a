"""Machine report: what did this run measure, and what did it delete? Kept for its later steps and for its contract."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from agents.machine_report.figures import Survey
from agents.machine_report.measure import measure, usual_places
from agents.run_notes import notes_of, write_whole
from midwatch.run import RunFacts


class Deletion(BaseModel):
    """What became of the proposed files."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    deleted: tuple[str, ...]
    kept: dict[str, str]
    """No longer what was proposed, and rightly left: why, by path."""
    failed: dict[str, str]
    """Should have gone and could not: why, by path."""


def survey_of(facts: RunFacts) -> Survey:
    """The one survey of this run: measured at the first call, the same ever after, also in another process."""
    kept = notes_of(facts) / "survey.json"
    if not kept.exists():
        write_whole(kept, measure(usual_places(facts), now=datetime.now(UTC)).model_dump_json(indent=1))
    return Survey.model_validate_json(kept.read_bytes())


def proposed_paths(facts: RunFacts) -> list[str]:
    """For `bind`: exactly the files that the survey proposes to delete."""
    return [file.path for file in survey_of(facts).temporary.proposed]


def keep_deletion(facts: RunFacts, deletion: Deletion) -> None:
    write_whole(_deletion_file(facts), deletion.model_dump_json(indent=1))


def deletion_of(facts: RunFacts) -> Deletion | None:
    kept = _deletion_file(facts)
    return Deletion.model_validate_json(kept.read_bytes()) if kept.exists() else None


def _deletion_file(facts: RunFacts) -> Path:
    return notes_of(facts) / "deletion.json"
