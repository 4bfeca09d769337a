"""The ledger: what takes trust back by itself, and how far? In the transaction in which its cause is written down.

| cause | class | level |
|---|---|---|
| a major error: denied, a major incident, a broken contract, an effect whose end nobody saw | asks again | 5 becomes 4 |
| the breaker opens | as it was | one rung, not below 3 |
| another fingerprint | every class asks again | 3, where it was granted to the agent as it was |
| nobody is there to look (`attendance.py`) | as it was | one rung, not below 3 |

A run that is under way is held to it at its next effect: the gate asks anew before each one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from midwatch.fingerprint import Fingerprint
from midwatch.ledger.alarms import raised
from midwatch.ledger.classes import PARTS, ClassMove, latest, move_class
from midwatch.ledger.evidence import as_told, record_of, runs_record_of
from midwatch.ledger.levels import UNGRANTED, LevelStanding, lowered, standing
from midwatch.ledger.transaction import Write

FELL: Final = "fell:"
"""How the key of an alarm about a fall begins."""


def class_falls(tx: Write, agent: str, rule: str, because: str) -> list[ClassMove]:
    """The class asks again, where it went unasked; decided several rules together, each of theirs does."""
    moves = latest(tx, agent)
    fallen = [_falls(tx, moves[part], because) for part in _parts(rule) if _is_open(moves.get(part))]
    run_counts_against(tx, agent, because)
    for move in fallen:
        _tell(tx, agent, move.rule, f"is asked about `{move.rule}` again: {move.because}")
    return fallen


def classes_fall(tx: Write, agent: str, rules: Iterable[str], because: str) -> list[ClassMove]:
    """`class_falls` for each."""
    return [move for rule in sorted(set(rules)) for move in class_falls(tx, agent, rule, because)]


def run_counts_against(tx: Write, agent: str, because: str) -> None:
    """A run went badly wrong: at level 5 it is 4 again, whatever classes there are."""
    stands = standing(tx, agent, tx.at)
    if stands.level == 5:
        mark = stands.grant.fingerprint if stands.grant is not None else None
        left = runs_record_of(tx, agent, mark or "", tx.at, falls_now=True)
        why = f"{because}; what earns it back, at level 4: {'; '.join(left.verdict.missing)}"
        lowered(tx, agent, stands, because=why, evidence_json=as_told(left))
        _tell(tx, agent, "level", f"was put on level 4: {why}")


def breaker_opened(tx: Write, agent: str) -> None:
    """One rung, and not below 3."""
    stands = standing(tx, agent, tx.at)
    if stands.level <= UNGRANTED:
        return
    why = "its breaker opened; once that is closed, a person brings it back"
    lower = lowered(tx, agent, stands, because=why)
    _tell(tx, agent, "level", f"was put on level {lower.level}: {why}")


def standing_on_another(tx: Write, agent: str, mark: Fingerprint) -> str | None:
    """A fingerprint on which something of the agent stands that is not its own now; None: there is none."""
    other = [move.fingerprint for move in latest(tx, agent).values() if _is_open(move) and not _holds_for(mark, move)]
    stands = standing(tx, agent, tx.at)
    return next(iter([*other, *_granted_to_another(stands, mark)]), None)


def changed_since(tx: Write, agent: str, mark: Fingerprint, what: str) -> None:
    """All that stands on another fingerprint falls. It begins a stream of its own; nothing is lost of the old one's."""
    why = f"{what}; what earns it back: evidence of what it is now, or to put back what it was"
    for move in latest(tx, agent).values():
        if _is_open(move) and not _holds_for(mark, move):
            move_class(tx, agent, move.rule, "ask", basis="fall", fingerprint=mark.whole, because=why)
    stands = standing(tx, agent, tx.at)
    if _granted_to_another(stands, mark):
        lowered(tx, agent, stands, because=why, to=UNGRANTED)
    _tell(tx, agent, "changed", f"asks about everything again: {why}")


def _holds_for(mark: Fingerprint, move: ClassMove) -> bool:
    return move.fingerprint == mark.whole


def _granted_to_another(stands: LevelStanding, mark: Fingerprint) -> list[str]:
    """What a level above 3 was granted to, where that is not the agent as it is."""
    granted = stands.grant.fingerprint if stands.grant is not None and stands.level > UNGRANTED else None
    return [granted] if granted and granted not in (mark.whole, mark.as_written) else []


def _falls(tx: Write, move: ClassMove, because: str) -> ClassMove:
    """With what would earn it back."""
    left = record_of(tx, move.agent, move.rule, move.fingerprint, tx.at, falls_now=True)
    why = f"{because}; what earns it back: {'; '.join(left.verdict.missing) or 'a person who promotes it'}"
    whose, told = move.fingerprint, as_told(left)
    return move_class(
        tx, move.agent, move.rule, "ask", basis="fall", fingerprint=whose, because=why, evidence_json=told
    )


def _parts(rule: str) -> list[str]:
    return list(dict.fromkeys([rule, *rule.split(PARTS)]))


def _is_open(move: ClassMove | None) -> bool:
    return move is not None and move.stands == "allow"


def _tell(tx: Write, agent: str, about: str, what: str) -> None:
    key = f"{FELL}{agent}:{about}"
    raised(tx, key, agent=agent, severity="attention", what=f"{what}; `midwatch level {agent}` shows what is missing")
