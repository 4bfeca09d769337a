"""`midwatch level AGENT`: where does it stand, on what evidence, what is missing for more, and what would a change cost?"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import typer
from rich.text import Text

from cli import terminal
from cli.home import locate
from cli.ledger import with_ledger
from cli.options import Agent, AsJson
from cli.promotions import promoting
from midwatch.agent_file import load_agent
from midwatch.characters import visible
from midwatch.ladder_view import ENOUGH, NAMES, LadderView, Rung, view_of
from midwatch.ledger import ClassMove, IncidentRow, Ledger, LevelGrant
from midwatch.run_ids import short
from midwatch.sparkline import sparkline
from midwatch.stand_ins import stand_ins

LATEST: Final = 5
"""Moves of each sort that are shown; overrides are shown all."""


def level(agent: Agent, as_json: AsJson = False) -> None:
    """Show where an agent stands: its level, each class with its evidence, what is missing, and what fell or was overridden."""
    house = locate(os.environ)
    spec = load_agent(agent, house.project / "agents")

    async def read(ledger: Ledger) -> LadderView:
        await ledger.migrate()
        now = datetime.now(UTC)
        return await view_of(ledger, spec, await stand_ins(ledger, spec, house.home, now), now)

    view: LadderView = asyncio.run(with_ledger(read))
    if as_json:
        typer.echo(json.dumps(facts(view), ensure_ascii=False))
        return
    console = terminal.console(soft_wrap=True)
    for line in lines(view):
        console.print(Text(visible(line) if line else ""))


def lines(view: LadderView) -> Iterator[str]:
    """All of it, for a terminal."""
    yield _stands(view)
    yield from (f"TAMPERED WITH: {one}" for one in view.doubts)
    yield from _change(view)
    for rung in view.classes:
        yield ""
        yield from _class(rung)
    if not view.classes:
        yield "No class of it was ever asked about, as it is now."
    yield ""
    yield from _rung("level 5, by its runs at level 4", view.runs, view.five)
    yield from _waiting(view)
    yield from _record(view)


def _stands(view: LadderView) -> str:
    stands, grant = view.standing, view.standing.grant
    said = f"{view.agent} stands at level {stands.level} ({NAMES[stands.level]}), ceiling {view.ceiling}"
    if grant is None:
        return f"{said}: nobody has granted it anything."
    ends = f" until {grant.until:%Y-%m-%d %H:%M} UTC" if grant.until else ""
    wide = " What its rules allow goes unasked, earned or not." if stands.is_wide else ""
    return f"{said}: {grant.basis}, by {grant.by} on {grant.granted_at:%Y-%m-%d}{ends} ({grant.because}).{wide}"


def _change(view: LadderView) -> Iterator[str]:
    if not view.changed:
        return
    parts = ", ".join(view.changed)
    yield f"It is not what last ran: {parts} changed. A run of it begins a new stream, and this stays behind:"
    for rung in view.at_stake:
        yield f"  {rung.name}: {rung.words}{' - and it would ask again' if rung.stands == 'allow' else ''}"


def _class(rung: Rung) -> Iterator[str]:
    risk = f" ({rung.record.risk})"
    if rung.stands == "allow" and rung.move is not None:
        title = f"{rung.name}{risk}: goes unasked at level 4, {rung.move.words}"
    else:
        title = f"{rung.name}{risk}: asks"
        if rung.move is not None and rung.move.basis == "fall":
            title += f". Fell on {rung.move.at:%Y-%m-%d %H:%M} UTC: {rung.move.because}"
    yield from _rung(title, rung, ())


def _rung(title: str, rung: Rung, besides: Sequence[str]) -> Iterator[str]:
    yield title
    yield f"  {rung.words}"
    if drawn := sparkline(rung.points, ENOUGH):
        yield f"  {drawn} {rung.share:.0%} of the way"
    if rung.record.verdict.p0 is not None:
        yield f"  {rung.record.verdict.sensitivity.words}" if rung.record.rule else "  judged by its contract"
    missing = (*rung.missing, *besides)
    if rung.stands != "allow":
        yield from (f"  missing: {one}" for one in missing)
    yield from (f"  against it: {action.at:%Y-%m-%d} {action.why}" for action in _bad(rung))


def _bad(rung: Rung) -> list[Any]:
    return [action for action in rung.record.actions if action.severity][-LATEST:]


def _waiting(view: LadderView) -> Iterator[str]:
    for one in view.proposals:
        what = one.rule or f"level {one.to_level}"
        yield f"\nProposed since {one.opened_at:%Y-%m-%d}: {what}. {promoting(view.agent, one.rule, one.to_level)}"


def _record(view: LadderView) -> Iterator[str]:
    """What stays visible for ever, and what happened lately."""
    overrides = [_move(one) for one in view.moves if one.basis == "override"]
    overrides += [_grant(one) for one in view.grants if one.basis == "override"]
    falls = [_move(one) for one in view.moves if one.basis == "fall"][:LATEST]
    falls += [_grant(one) for one in view.grants if one.basis == "fall"][:LATEST]
    charged = [_incident(one) for one in view.incidents[:LATEST]]
    for title, found in (("Overrides", overrides), ("Fell", falls), ("Incidents", charged)):
        if found:
            yield f"\n{title}"
            yield from (f"  {line}" for line in found)


def _move(one: ClassMove) -> str:
    until = f" until {one.until:%Y-%m-%d}" if one.until else ""
    return f"{one.at:%Y-%m-%d} {one.rule} {one.stands}{until}, by {one.by}: {one.because}"


def _grant(one: LevelGrant) -> str:
    until = f" until {one.until:%Y-%m-%d}" if one.until else ""
    return f"{one.granted_at:%Y-%m-%d} level {one.level}{until}, by {one.by}: {one.because}"


def _incident(one: IncidentRow) -> str:
    rule = f" {one.rule}" if one.rule else ""
    return f"{one.at:%Y-%m-%d} run {short(one.run_id)}{rule}, {one.severity}, by {one.by}: {one.because}"


def facts(view: LadderView) -> dict[str, Any]:
    """For machines."""
    grant = view.standing.grant
    return {
        "agent": view.agent,
        "level": view.standing.level,
        "basis": grant.basis if grant else None,
        "until": grant.until.isoformat() if grant and grant.until else None,
        "is_wide": view.standing.is_wide,
        "doubts": list(view.doubts),
        "ceiling": view.ceiling,
        "fingerprint": view.fingerprint,
        "changed": list(view.changed),
        "at_stake": [_rung_facts(rung) for rung in view.at_stake],
        "classes": [_rung_facts(rung) for rung in view.classes],
        "runs": {**_rung_facts(view.runs), "missing": [*view.runs.missing, *view.five]},
        "proposals": [
            {"proposal_id": one.proposal_id, "rule": one.rule, "to_level": one.to_level} for one in view.proposals
        ],
        "moves": [_plain(one, "at") for one in view.moves],
        "grants": [_plain(one, "granted_at") for one in view.grants],
        "incidents": [_plain(one, "at") for one in view.incidents],
    }


def _rung_facts(rung: Rung) -> dict[str, Any]:
    verdict, evidence = rung.record.verdict, rung.record.evidence
    return {
        "rule": rung.record.rule,
        "risk": rung.record.risk,
        "stands": rung.stands,
        "words": rung.words,
        "ready": verdict.ready,
        "log_e": verdict.log_e,
        "enough": ENOUGH,
        "needed": verdict.needed,
        "bound": verdict.bound,
        "d": verdict.sensitivity.d,
        "p0": verdict.p0,
        "days": evidence.days,
        "inputs": evidence.inputs,
        "unripe": evidence.unripe,
        "climbs": [[climb.clean, climb.minor, climb.major] for climb in evidence.climbs],
        "curve": list(rung.points),
        "missing": list(rung.missing),
    }


def _plain(row: Any, when: str) -> dict[str, Any]:
    names = [name for name in type(row).__slots__ if not name.endswith("_json")]
    said = {name: getattr(row, name) for name in names}
    return {name: one.isoformat() if isinstance(one, datetime) else one for name, one in said.items()} | {
        "at": getattr(row, when).isoformat()
    }
