"""Monitoring: which checks compare a number: of a database, of a file, of what the run itself has done?"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, model_validator

from midwatch.contract.strict import STRICT

Measure = Literal["number", "lines", "bytes"]
"""What of a file is compared: its text as a number, how many lines it has, or how many bytes."""


class _Strict(BaseModel):
    model_config = STRICT


class SqlQuery(_Strict):
    """One read-only query whose first value counts."""

    url_env: str
    """Environment variable that holds the SQLAlchemy URL (never the URL itself: it may hold a password)."""
    query: str
    """One statement; `{date}`, `{item}` and `{input.NAME}` become bound parameters: write them without quotes."""


class SqlCheck(SqlQuery):
    """One read-only query whose first value is compared."""

    equals: int | str | None = None
    at_least: int | None = None

    @model_validator(mode="after")
    def _one_comparison(self) -> SqlCheck:
        if (self.equals is None) == (self.at_least is None):
            raise ValueError("an SQL check has exactly one of: equals, at_least")
        return self


class ChangeCheck(_Strict):
    """A number after the run, against what it was when the run began."""

    sql: SqlQuery | None = None
    file: str | None = None
    """Relative to the project."""
    measure: Measure = "number"
    """With `file`. One that is not there has no lines and no bytes, and no number."""
    by: int | None = None
    """It is so much more now; 0: it is the same."""
    by_at_least: int | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> ChangeCheck:
        if (self.sql is None) == (self.file is None):
            raise ValueError("a change has exactly one of: sql, file")
        if (self.by is None) == (self.by_at_least is None):
            raise ValueError("a change has exactly one of: by, by_at_least")
        return self


class EffectsCheck(_Strict):
    """How many effects of one kind the run has had, as the ledger counts them."""

    tool: str
    """Its name; `*` stands for any text (`mcp__mail__*`)."""
    host: str | None = None
    """Only those with a URL of exactly this host among their arguments."""
    arguments: dict[str, str] = {}
    """Only those whose arguments read so; `*` stands for any text."""
    equals: Annotated[int, Field(ge=0)] | None = None
    at_least: Annotated[int, Field(ge=0)] | None = None
    at_most: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _compared(self) -> EffectsCheck:
        if self.equals is not None and (self.at_least, self.at_most) != (None, None):
            raise ValueError("effects are compared with `equals`, or with `at_least` and `at_most`, not with both")
        if (self.equals, self.at_least, self.at_most) == (None, None, None):
            raise ValueError("effects are compared with one of: equals, at_least, at_most")
        return self


def host_of(url: str) -> str:
    """What `EffectsCheck.host` is compared with; "" where a text names no host."""
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""
