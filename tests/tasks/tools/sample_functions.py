"""Functions that an agent file may name in these tests."""

import asyncio
from collections.abc import Mapping
from datetime import date
from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic_ai import RunContext

from midwatch.risk import ProbeAnswer, tool
from midwatch.run import RunFacts


class Colour(Enum):
    RED = "red"


class Address(BaseModel):
    street: str
    number: int = 1


async def was_paid(facts: RunFacts, args: Mapping[str, Any]) -> ProbeAnswer:
    return "cannot_tell"


@tool(risk="money", probe=was_paid)
def pay(
    ctx: RunContext[RunFacts], to: str, day: date, colour: Colour = Colour.RED, address: Address | None = None
) -> str:
    """Pay somebody.

    Args:
        ctx: The run.
        to: Who gets it.
        day: When.
        colour: Of the receipt.
        address: Where they live.
    """
    return f"{ctx.deps.agent} {to} {day!r} {colour!r} {address!r}"


@tool(risk="money", idempotent=True)
def refund(order: str, idempotency_key: str) -> str:
    return f"{order} under {idempotency_key}"


def undeclared(text: str) -> str:
    return text


async def slow(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "done"


def untyped(text) -> str:  # type: ignore[no-untyped-def]  # on purpose
    return str(text)


def unanswered(text: str):  # type: ignore[no-untyped-def]  # on purpose
    return text


def starred(*texts: str) -> str:
    return "".join(texts)


def one_model(address: Address) -> str:
    return address.street


def first_of_run(facts: RunFacts) -> list[str]:
    return [facts.run_id, facts.item or "none"]


def files_there(facts: RunFacts) -> list[str]:
    return sorted(path.name for path in facts.project.iterdir())


def broken(facts: RunFacts) -> list[str]:
    return [str(1 // 0)]


def many(names: list[str], text: str) -> str:
    return f"{text}: {', '.join(names)}"


@tool(risk="egress", sinks=("too",))
def misspelt(to: str) -> str:
    """Calls a sink what it does not take."""
    return to
