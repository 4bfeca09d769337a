"""A tool that takes an argument of every kind that a form has a field for."""

from __future__ import annotations

from typing import Literal

from midwatch.risk import tool


@tool(risk="write")
async def order(
    amount: float, boxes: int, currency: Literal["EUR", "USD"], express: bool, note: str, to: list[str]
) -> str:
    """Order something."""
    return f"{amount} {boxes} {currency} {express} {note} {to}"
