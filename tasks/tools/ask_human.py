"""Tools: what if it needs to know something that only a person knows? It asks, and the run waits without a process."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_ai.exceptions import CallDeferred

from midwatch.risk import ToolFacts
from tasks.tools.functions import Offered


async def ask_human(
    question: Annotated[str, Field(min_length=1, max_length=1000)],
    options: Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=10)] = [],  # noqa: B006  # never changed; pydantic copies it
) -> str:
    """Ask a person, and wait for the answer. Ask only what you cannot find out yourself.

    Args:
        question: One question, with what the person must know to answer it.
        options: The answers to choose from; none for an answer in the person's own words.
    """
    raise CallDeferred(metadata={"question": question, "options": options}, kind="question")


def ask_human_tool(*, where: str) -> Offered:
    """`ask_human`; the answer that arrives is a person's, not text from outside."""
    return Offered(function=ask_human, facts=ToolFacts(risk="read", untrusted=False, private=False), where=where)
