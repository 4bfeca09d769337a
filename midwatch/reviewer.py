"""Human judgment: what share of bad proposals does a person catch? Measured by planted ones, with a lower bound.

A no is a catch, and so is a change of the call; a yes, or an "edit" that changes nothing, is a miss. Silence and taking
over the run count neither way: the one says that nobody looked, the other is said of all that waits at once.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from midwatch.ladder import at_least

if TYPE_CHECKING:  # the ledger asks here what an answer to a test shows
    from midwatch.ledger import AskRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewer:
    """One person, as far as tests tell."""

    person: str
    """As the ledger names whoever answers: `prefect-ui` is everybody who knows Prefect's password."""
    caught: int
    missed: int

    @property
    def tests(self) -> int:
        return self.caught + self.missed

    @property
    def share(self) -> float:
        return self.caught / self.tests

    @property
    def at_least(self) -> float:
        """Lower bound of the share."""
        return at_least(self.caught, self.tests)


def found_of(row: AskRow) -> bool | None:
    """Whether the person saw what is wrong with a planted proposal; None where their answer does not say."""
    return caught(row.verdict, row.args_json, row.edited_args_json)


def caught(verdict: str | None, args_json: str, edited_args_json: str | None) -> bool | None:
    """`found_of`, of an answer as it stands in the ledger."""
    match verdict:
        case "denied":
            return True
        case "approved":
            return False
        case "edited":
            return bool(json.loads(edited_args_json or "null") != json.loads(args_json))
        case _:
            return None


def lesson(row: AskRow) -> str:
    """What the person hears as soon as they have decided; "" of what was no test, and before."""
    if not row.planted or row.verdict is None:
        return ""
    told = {
        True: "You caught it.",
        False: "You said yes: it would have run. It could not: nothing of a test ever runs.",
        None: "It counts neither way.",
    }
    return f"That was a test: {row.planted.rstrip('.')}. {told[found_of(row)]}"


def undisclosed(row: AskRow) -> AskRow:
    """`row` as somebody may see it who is still to decide: nothing in it says that it is a test."""
    return row if row.verdict else replace(row, planted="")


def reviewers(rows: Sequence[AskRow]) -> list[Reviewer]:
    """Everybody who answered a planted proposal, by name; `rows` may hold other questions too."""
    answers: dict[str, list[bool]] = {}
    for row in rows:
        if row.planted and row.by and (found := found_of(row)) is not None:
            answers.setdefault(row.by, []).append(found)
    return [
        Reviewer(person=person, caught=sum(found), missed=len(found) - sum(found))
        for person, found in sorted(answers.items())
    ]
