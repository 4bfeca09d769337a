"""Permissions: who is halted, by whom and why? A halt is a latch: once it is set, no effect begins until a person lifts it.

It is set twice, on disk (`tasks/permissions/latch.py`) and in the ledger (`midwatch/ledger/halts.py`); either one holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self, assert_never

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from midwatch.errors import LedgerError

Scope = Literal["all", "agent", "run"]
"""What a halt is about: the whole installation, every run of one agent, or one run."""

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_:-]{0,119}")
"""Of an agent or a run: it becomes the name of a file."""
CHECKED_AGENT: Final = "midwatch-halt-check"
"""The agent of the scheduled self-test, the only one that the self-test ever halts."""
_WHOLE: Final = len("01234567-89ab-cdef-0123-456789abcdef")


def is_whole(run_id: str) -> bool:
    """Whether it is as long as the id of a run; a part of one halts nobody."""
    return len(run_id) >= _WHOLE


@dataclass(frozen=True, slots=True)
class Target:
    """What is halted."""

    scope: Scope
    name: str = ""
    """The agent's, or the run's id; empty with `all`."""

    def __post_init__(self) -> None:
        """Raises LedgerError for a name that no agent and no run has."""
        if (self.scope == "all") != (not self.name) or (self.name and not NAME.fullmatch(self.name)):
            raise LedgerError(f"nobody can halt {self.scope} {self.name!r}: name an agent, or a run by its whole id")

    @classmethod
    def of(cls, agent: str | None = None, run_id: str | None = None) -> Self:
        """One run where it is named, else one agent, else everything."""
        if run_id:
            return cls("run", run_id)
        return cls("agent", agent) if agent else cls("all")

    @classmethod
    def around(cls, agent: str, run_id: str) -> tuple[Self, Self, Self]:
        """Whatever stops this run, the widest first."""
        return cls("all"), cls("agent", agent), cls("run", run_id)

    def words(self) -> str:
        """As a person reads it."""
        match self.scope:
            case "all":
                return "everything"
            case "agent":
                return f"agent {self.name}"
            case "run":
                return f"run {self.name}"
            case _:
                assert_never(self.scope)

    def lifted_by(self) -> str:
        """The command that lifts it."""
        match self.scope:
            case "all":
                return "midwatch resume"
            case "agent":
                return f"midwatch resume {self.name}"
            case "run":
                return f"midwatch resume --run {self.name}"
            case _:
                assert_never(self.scope)


class Halt(BaseModel):
    """One latch that is set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scope: Scope
    name: str = ""
    by: Annotated[str, Field(min_length=1)]
    """Who set it, as the door knows them."""
    via: Annotated[str, Field(min_length=1)]
    """The door: `cli`, `page`, `slack`, `automation`, ..."""
    because: Annotated[str, Field(min_length=1)]
    at: AwareDatetime

    @property
    def target(self) -> Target:
        return Target(self.scope, self.name)

    def covers(self, agent: str, run_id: str = "") -> bool:
        """Whether it stops this run of the agent; without a run, whatever run of it."""
        match self.scope:
            case "all":
                return True
            case "agent":
                return self.name == agent
            case "run":
                return self.name == run_id
            case _:
                assert_never(self.scope)

    def words(self) -> str:
        """One clause that names what, who, when and why; the reason of every run that it ends."""
        when = f"{self.at:%Y-%m-%d %H:%M:%S} UTC"
        return f"{self.target.words()} was halted by {self.by} ({self.via}) at {when}: {self.because}"
