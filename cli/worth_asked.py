"""`midwatch worth`: what is asked before the first grant, and with what is it prefilled? The agent's file, its schedule."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

import typer
from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from cli import zone
from midwatch.errors import LedgerError, SpecError
from midwatch.spec import AgentSpec
from midwatch.worth.answers import QUESTIONS, WORDS, Answers, Question, answered
from midwatch.worth.history import MONTH, History

AHEAD: Final = timedelta(weeks=4)
"""Of a schedule that is looked at: whole weeks, so that each weekday counts alike."""
A_FILE_MINUTES: Final = Decimal(2)
"""That a person is taken to need for one file of an agent with `for_each`."""
_TENTH: Final = Decimal("0.1")
_KEYS: Final = frozenset({"cron", "day_or", "timezone", "interval", "anchor_date", "rrule"})
"""Of a schedule in prefect.yaml, those that say when."""


def prefilled(spec: AgentSpec, slots: tuple[datetime, ...], history: History) -> Answers:
    """What is assumed where nobody has said anything: the schedule's runs, what runs have cost so far, or may cost."""
    facts: dict[Question, Decimal] = {"model_usd": _model_usd(spec, history)}
    if slots:
        facts["runs_a_month"] = round(len(slots) * Decimal(str(MONTH / AHEAD)), 1)
    if spec.for_each:
        facts["minutes"] = A_FILE_MINUTES
    return Answers.model_validate(facts)


def _model_usd(spec: AgentSpec, history: History) -> Decimal:
    if history.runs:
        return round(history.model_usd / history.runs, 4)
    if spec.models() == ["local"]:
        return Decimal(0)
    return round(Decimal(str(spec.limits.usd)) * _TENTH, 4)


def asked(standing: Answers) -> Mapping[Question, Decimal]:
    """A person's answer to each question, at the terminal; Enter takes what stands there."""
    typer.echo("Enter takes what stands in brackets.")
    return {one: _one(one, standing) for one in QUESTIONS}


def _one(question: Question, standing: Answers) -> Decimal:
    while True:
        said = str(typer.prompt(f"{WORDS[question]}", default=f"{standing.of(question):f}"))
        try:
            value = Decimal(said)
            with_answers(standing, {question: value})
        except (InvalidOperation, LedgerError) as error:
            typer.echo(f"{said!r} is no such amount: {str(error) or 'a number, as in 12.5'}")
        else:
            return value


def with_answers(before: Answers, given: Mapping[Question, Decimal]) -> Answers:
    """`before` with what was given; raises LedgerError where that is too much or too little."""
    try:
        return answered(before, given)
    except ValidationError as error:
        fault = error.errors()[0]
        raise LedgerError(f"--{str(fault['loc'][0]).replace('_', '-')}: {fault['msg']}") from error


def slots_of(agent: str, path: Path, now: datetime) -> tuple[datetime, ...]:
    """The slots of the next four weeks by prefect.yaml: of the active schedules, or of all where none is active.

    Raises:
        SpecError: a schedule there cannot be read.
    """
    if not (written := _schedules(agent, path)):
        return ()
    from pydantic_core import to_json

    from tasks.triggers.calendar import instants  # with it comes Prefect, whose schedules these are

    chosen = [one for one in written if one.get("active", True)] or written
    specs = [to_json({key: value for key, value in one.items() if key in _KEYS}).decode() for one in chosen]
    since = now.astimezone(UTC)
    try:
        found = {instant for spec in specs for instant in instants(spec, since, since + AHEAD)}
    except ValidationError as error:
        raise SpecError(
            f"a schedule of {agent!r} cannot be read: {error.errors()[0]['msg']}", path=str(path)
        ) from error
    return tuple(sorted(found))


def _schedules(agent: str, path: Path) -> list[dict[str, Any]]:
    """As prefect.yaml has them; none where there is no such file."""
    if not path.is_file():
        return []
    try:
        deployments = YAML(typ="safe").load(path.read_text())["deployments"]
        mine = [one for one in deployments if (one.get("parameters") or {}).get("agent") == agent]
        found = [dict(each) for one in mine for each in (one.get("schedules") or [one.get("schedule")]) if each]
    except (YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise SpecError(f"it holds no list `deployments`: {error}", path=str(path)) from error
    return [{**each, "timezone": _zone(each)} if "rrule" in each or "cron" in each else each for each in found]


def _zone(schedule: Mapping[str, Any]) -> str:
    said = str(schedule.get("timezone") or "UTC")
    return zone.name() if zone.VARIABLE in said else said
