"""Monitoring: how a run may end. Exactly one outcome a run, and the process exit code that follows from it."""

from __future__ import annotations

from typing import Final, Literal

Outcome = Literal["verified", "verified_noop", "rehearsed", "unverified", "blocked", "failed", "unknown"]
"""How a run ended.

verified       the contract held, read back from the world
verified_noop  rightly nothing to do, by the contract's own test
rehearsed      a rehearsal came to its end: what it would have done is staged, and nothing was done
unverified     it says done; no contract could confirm it
blocked        a needed action was denied, unanswered or out of budget
failed         an error that it could not recover from
unknown        an effect may or may not have happened
"""

GREEN: Final[frozenset[Outcome]] = frozenset({"verified", "verified_noop"})
"""A run that ended so did what it was for. `rehearsed` says nothing of the kind, and nothing bad either."""

COMPLETED: Final[frozenset[Outcome]] = GREEN | {"rehearsed"}
"""The only outcomes that Prefect shows as Completed."""

EXIT_CODES: Final[dict[Outcome, int]] = {
    "verified": 0,
    "verified_noop": 0,
    "rehearsed": 0,
    "failed": 1,
    "unverified": 3,
    "blocked": 4,
    "unknown": 5,
}
"""Exit code of `midwatch run`. 2 is a wrong command line or a wrong file, 10 a run that waits for a person."""

EXIT_WAITING: Final = 10
EXIT_USAGE: Final = 2
