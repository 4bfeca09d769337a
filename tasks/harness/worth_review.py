"""Harness: is each agent still worth it? Judged from the ledger once a month; where it is not, the operator is told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, get_args

from prefect.artifacts import Artifact, acreate_markdown_artifact

from midwatch.characters import visible
from midwatch.errors import SpecError
from midwatch.ledger import Ledger
from midwatch.spec import AgentSpec
from midwatch.worth.reach import profile_of
from midwatch.worth.verdict import Verdict, Worth, verdict_of

WORTH: Final = "worth:"
"""How the key of an alarm begins about an agent that is not worth it as it is."""
CHANGED: Final = "it was judged again, and otherwise"


async def review_worth(ledger: Ledger, spec: AgentSpec, now: datetime) -> list[str]:
    """One agent, unless it was judged in this month (UTC) already; a line where it is not `keep`. The reasons: an artifact."""
    key = f"{spec.name}-worth"
    latest = await Artifact.aget(key)
    if latest is not None and latest.created is not None and is_judged(latest.created, now):
        return []
    try:
        worth = await judged(ledger, spec, now)
    except SpecError as error:
        return [f"not judged whether {spec.name} is worth it: {error}"]
    if worth is None:
        return []
    said = in_words(worth.verdict)
    await acreate_markdown_artifact(key=key, markdown=as_markdown(spec.name, worth), description=said)
    return [] if worth.verdict == "keep" else [f"{spec.name}: {said}"]


def is_judged(latest: datetime, now: datetime) -> bool:
    """In this calendar month (UTC)."""
    before, here = latest.astimezone(UTC), now.astimezone(UTC)
    return (before.year, before.month) == (here.year, here.month)


async def judged(ledger: Ledger, spec: AgentSpec, now: datetime) -> Worth | None:
    """The verdict, by the answers that stand; None where nobody has given any. An alarm stands as long as it is not `keep`.

    Raises:
        SpecError: a function that the agent's file names is not there.
    """
    row = await ledger.worth_answers_of(spec.name)
    if row is None:
        return None
    profile = profile_of(spec, zone=row.profile.zone, outside=row.profile.outside)
    worth = verdict_of(row.answers, profile, await ledger.worth_history(spec.name, now))
    for verdict in get_args(Verdict):
        if verdict != worth.verdict:
            await ledger.end_alarm(f"{WORTH}{spec.name}:{verdict}", CHANGED)
    if worth.verdict != "keep":
        what = f"{in_words(worth.verdict)}: {worth.reasons[0]}; `midwatch worth {spec.name}` has it all"
        key = f"{WORTH}{spec.name}:{worth.verdict}"
        await ledger.raise_alarm(key, agent=spec.name, severity="attention", what=what)
    return worth


def in_words(verdict: Verdict) -> str:
    """What to do with it, for a person."""
    match verdict:
        case "keep":
            return "it is worth it as it is"
        case "lower":
            return "it is not worth it without a person who looks: level 3 at most"
        case "plain_script":
            return "it is not worth a model: a plain script does the same"
        case "retire":
            return "it is not worth it at any level"


def as_markdown(agent: str, worth: Worth) -> str:
    """For Prefect's page. Reasons stand in a fence, as text that is drawn as it is."""
    basis = "what was measured" if worth.basis == "ledger" else "what was answered"
    reasons = visible("\n".join(worth.reasons)).replace("```", "ˋˋˋ")
    return f"# {agent}\n\n{in_words(worth.verdict)}, by {basis}\n\n```text\n{reasons}\n```\n"
