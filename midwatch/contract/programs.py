"""Monitoring: which checks ask somebody else: a program, or an address?"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from midwatch.contract.strict import STRICT


class _Strict(BaseModel):
    model_config = STRICT


class CommandCheck(_Strict):
    """A program run without a shell; its exit code and output."""

    argv: Annotated[list[str], Field(min_length=1)]
    data: list[str] = []
    """Paths among its arguments that it only looks at: whatever else the agent could write of them, it might run."""
    exit_code: int = 0
    stdout_contains: list[str] = []
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30


class HttpCheck(_Strict):
    """One GET."""

    url: str
    status: int = 200
    contains: list[str] = []
    timeout_seconds: Annotated[float, Field(gt=0, le=120)] = 15
