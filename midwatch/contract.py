"""Monitoring: what "done" means, as data. Every check is one key; `tasks/monitoring` reads the world to answer it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class FileCheck(_Strict):
    """A file, read back from the disk."""

    path: str
    """Relative to the project; `{date}` and `{input.NAME}` are filled in."""
    exists: bool = True
    newer_than_start: bool = False
    """Modified after the run began."""
    contains: list[str] = []
    """Every text must occur."""
    min_bytes: Annotated[int, Field(ge=0)] = 0
    json_schema: dict[str, Any] | None = None
    """The file is JSON and validates."""


class CommandCheck(_Strict):
    """A program run without a shell; its exit code and output."""

    argv: Annotated[list[str], Field(min_length=1)]
    exit_code: int = 0
    stdout_contains: list[str] = []
    timeout_seconds: Annotated[float, Field(gt=0, le=600)] = 30


class HttpCheck(_Strict):
    """One GET."""

    url: str
    status: int = 200
    contains: list[str] = []
    timeout_seconds: Annotated[float, Field(gt=0, le=120)] = 15


class SqlCheck(_Strict):
    """One read-only query whose first value is compared."""

    url_env: str
    """Environment variable that holds the SQLAlchemy URL (never the URL itself: it may hold a password)."""
    query: str
    """One statement; `{date}`, `{item}` and `{input.NAME}` become bound parameters: write them without quotes."""
    equals: int | str | None = None
    at_least: int | None = None

    @model_validator(mode="after")
    def _one_comparison(self) -> SqlCheck:
        if (self.equals is None) == (self.at_least is None):
            raise ValueError("an SQL check has exactly one of: equals, at_least")
        return self


class Check(_Strict):
    """Exactly one kind of check."""

    file: FileCheck | None = None
    command: CommandCheck | None = None
    http: HttpCheck | None = None
    sql: SqlCheck | None = None
    python: str | None = None
    """`module:function`, called with `RunFacts`; returns `list[Finding]` (sync or async)."""
    name: str = ""
    """What the report calls it; derived where empty."""

    @model_validator(mode="after")
    def _one_kind(self) -> Check:
        if len(self.kinds()) != 1:
            raise ValueError("a check has exactly one of: file, command, http, sql, python")
        return self

    def kinds(self) -> list[Literal["file", "command", "http", "sql", "python"]]:
        names: list[Literal["file", "command", "http", "sql", "python"]] = ["file", "command", "http", "sql", "python"]
        return [name for name in names if getattr(self, name) is not None]


class Contract(_Strict):
    """What must be true of the world for a run to be green."""

    done_when: list[Check] = []
    """All must hold, or the run is not verified. None at all: the best outcome is `unverified`."""
    noop_when: list[Check] = []
    """All hold before the first step: there is rightly nothing to do, `verified_noop`, no model is asked."""


class Finding(_Strict):
    """One thing that a check saw."""

    check: str
    held: bool
    detail: str
    """What was expected and what was there, with figures."""
    looked: bool = True
    """False: the check itself could not look (it threw, timed out, lacks its URL); then `held` is False too."""

    @model_validator(mode="after")
    def _unseen_never_holds(self) -> Finding:
        if self.held and not self.looked:
            raise ValueError("a check that could not look cannot hold")
        return self
