"""Human judgment: what stood around a question when it was asked? Written down with it, so that every channel can say it."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

LONGEST: Final = 200_000
"""Characters of a preview that are shown."""


class Preview(BaseModel):
    """What a call would change, as its tool shows it to a person."""

    model_config = ConfigDict(frozen=True)

    label: str
    text: str
    form: Literal["lines", "diff"] = "lines"
    """diff: each line begins with `+`, `-`, `@` or a blank, as in a unified diff."""
    instead_of: tuple[str, ...] = ()
    """Arguments that need not be shown besides, because all of them can be seen in it."""
    before: str | None = None
    """SHA-256 of what stands where the call would write, its place included; "" where nothing does, None where nobody says."""


class AskContext(BaseModel):
    """Empty where nobody knows, as of questions that stand there from an earlier version."""

    model_config = ConfigDict(frozen=True)

    purpose: str = ""
    """What the agent is for, from its file."""
    then: Literal["deny", "end"] = "deny"
    """What silence leads to, from its file."""
    read: tuple[str, ...] = ()
    """What the run had read from outside before: the latest calls, the last one last."""
    read_in_all: int = 0
    """How many calls that were."""
    preview: Preview | None = None
    parameters: dict[str, Any] = {}
    """JSON Schema of the tool's arguments; empty where it is not known."""
    risk: str = ""
    """Risk class of the tool (`midwatch.risk`); empty where it is not known, which counts as the worst."""

    @property
    def shown(self) -> str:
        """What a yes to the question stands on besides its call; "" for nothing."""
        return self.preview.model_dump_json() if self.preview else ""

    @property
    def before(self) -> str | None:
        """What stood where the call would write (`Preview.before`): all that a yes to other arguments stands on."""
        return self.preview.before if self.preview else None
