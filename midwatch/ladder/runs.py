"""The ladder: has an agent's record of whole runs at level 4 earned it level 5, as far as runs can?"""

from __future__ import annotations

from typing import Final, Literal

from midwatch.ladder.evidence import Evidence
from midwatch.ladder.sensitivity import Sensitivity
from midwatch.ladder.standing import Verdict, weigh
from midwatch.ladder.thresholds import CLEAN, MAJOR, MINOR, RUN_P0
from midwatch.outcome import GREEN, Outcome

SEEN_BY_CONTRACT: Final = Sensitivity(d=1.0, caught=0, tests=0)
"""What judges a run is code, which looks every time; what the contract does not say is for incidents to find."""


def run_severity(outcome: Outcome, *, taken_over: bool, incident: Literal["minor", "major"] | None) -> float | None:
    """Of a run at level 4 that has ended; None: it is no evidence, since it rightly did nothing."""
    if taken_over or incident == "major" or outcome not in GREEN:
        return MAJOR
    if incident == "minor":
        return MINOR
    return None if outcome == "verified_noop" else CLEAN


def judge_runs(evidence: Evidence) -> Verdict:
    """Of runs, as `evidence_of` counts them. What a run was told is often the same each night while the world is not, so its
    `args_sha256` is that of its id: distinct days are asked for, distinct inputs are not."""
    return weigh(evidence, RUN_P0, SEEN_BY_CONTRACT, (), unit="run", min_inputs=0)
