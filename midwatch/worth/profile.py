"""Worth: what can the agent do at its worst, and when is it to run? What is known before it has ever run."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict

from midwatch.risk import Risk


class Profile(BaseModel):
    """What is known of an agent before it has ever run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: Literal["run", "file"] = "run"
    """The piece of work: a file where its file says `for_each`."""
    worst: Risk
    """The worst class of its tools."""
    worst_tools: tuple[str, ...] = ()
    reversible: bool
    """Whatever it can do can be put back."""
    bounded: bool
    """It can be put back, or no more of it than somebody has allowed happens on one day."""
    bounds: str
    """Why, for a person."""
    zone: str = "UTC"
    """Where it is worked for; working hours are by its clock."""
    outside: Decimal | None = None
    """Share of its schedule's slots outside working hours; None where it has no schedule."""
