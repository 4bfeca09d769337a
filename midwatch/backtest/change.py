"""The backtest: what became of a call then, and what would be another now? Two closed sets, and the table between them.

then \\ now   allow            ask             deny
allowed      unchanged        asks_allowed    blocks_allowed
approved     allows_asked     unchanged       blocks_approved
edited       allows_edited    unchanged       denies_asked
denied       allows_denied    unchanged       denies_asked
unanswered   allows_asked     unchanged       denies_asked
forbidden    allows_forbidden asks_forbidden  unchanged
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, assert_never

from midwatch.decision import Verdict

Past = Literal["allowed", "approved", "edited", "denied", "unanswered", "forbidden"]
"""What became of a call.

allowed     a rule let it through, or a mandate that a person had signed
approved    it was asked about, and a person said yes to it as it was
edited      it was asked about, and a person changed it first
denied      it was asked about, or rehearsed, and a person said no
unanswered  it was asked about, and nobody said yes or no: in time, yet, or because somebody took the run over
forbidden   a rule, the run's level or what is built in denied it
"""

Change = Literal[
    "allows_denied",
    "allows_edited",
    "allows_forbidden",
    "asks_forbidden",
    "blocks_approved",
    "blocks_allowed",
    "asks_allowed",
    "allows_asked",
    "denies_asked",
    "unchanged",
]
"""What would be another. The gravest first."""

WORDS: Final[Mapping[Change, str]] = {
    "allows_denied": "would have allowed what a person denied",
    "allows_edited": "would have allowed as it was what a person changed first",
    "allows_forbidden": "would have allowed what was denied without asking",
    "asks_forbidden": "would have asked about what was denied without asking",
    "blocks_approved": "would have blocked what a person approved",
    "blocks_allowed": "would have blocked what was allowed",
    "asks_allowed": "would have asked about what was allowed",
    "allows_asked": "would have allowed what was asked, and nobody denied",
    "denies_asked": "would have denied what was asked, and nobody approved",
    "unchanged": "unchanged",
}
OF: Final[Mapping[Change, frozenset[Past]]] = {
    "allows_denied": frozenset({"denied"}),
    "allows_edited": frozenset({"edited"}),
    "allows_forbidden": frozenset({"forbidden"}),
    "asks_forbidden": frozenset({"forbidden"}),
    "blocks_approved": frozenset({"approved"}),
    "blocks_allowed": frozenset({"allowed"}),
    "asks_allowed": frozenset({"allowed"}),
    "allows_asked": frozenset({"approved", "unanswered"}),
    "denies_asked": frozenset({"edited", "denied", "unanswered"}),
    "unchanged": frozenset({"allowed", "approved", "edited", "denied", "unanswered", "forbidden"}),
}
"""Of which calls a change is a share."""
REFUSED: Final[tuple[Change, ...]] = ("allows_denied", "allows_edited", "allows_forbidden")
"""Somebody, or a rule that somebody wrote, said no to exactly this call, and it would run without a question."""


def change_of(past: Past, now: Verdict) -> Change:
    """The table above."""
    match past:
        case "allowed":
            return _by(now, "unchanged", "asks_allowed", "blocks_allowed")
        case "approved":
            return _by(now, "allows_asked", "unchanged", "blocks_approved")
        case "edited":
            return _by(now, "allows_edited", "unchanged", "denies_asked")
        case "denied":
            return _by(now, "allows_denied", "unchanged", "denies_asked")
        case "unanswered":
            return _by(now, "allows_asked", "unchanged", "denies_asked")
        case "forbidden":
            return _by(now, "allows_forbidden", "asks_forbidden", "unchanged")
        case _:
            assert_never(past)


def _by(now: Verdict, allow: Change, ask: Change, deny: Change) -> Change:
    match now:
        case "allow":
            return allow
        case "ask":
            return ask
        case "deny":
            return deny
        case _:
            assert_never(now)
