"""Trigger: how does an agent's file say what comes from outside and starts it? Webhooks, files, other agents' outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Scheme = Literal["github", "slack", "stripe", "hmac"]
"""How a sender signs; `hmac` is the plain one of Standard Webhooks (standardwebhooks.com)."""
Coalesced = Literal["last", "list"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,40}$")]
Place = Annotated[str, Field(pattern=r"^[A-Za-z_][\w-]*(\.[\w-]+)*$")]
"""A path into what arrived, as in `body.issue.title` or `body.commits.0.message`."""
Wanted = str | int | bool | None


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _inside(path: str) -> str:
    parts = PurePosixPath(path)
    if not path.strip() or parts.is_absolute() or ".." in parts.parts:
        raise ValueError(f"`{path}` must lie in the project: a relative path without `..`")
    return path


Inside = Annotated[str, AfterValidator(_inside)]


class Secret(_Strict):
    """Where a webhook's secret is. It never stands in the file itself."""

    env: Annotated[str, Field(pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$")] = ""
    """An environment variable of the house, set where `midwatch up` runs."""
    block: str = ""
    """A saved Prefect block of the type `Secret`."""

    @model_validator(mode="after")
    def _one_place(self) -> Secret:
        if bool(self.env) == bool(self.block):
            raise ValueError("a secret is in exactly one of: env, block")
        return self


class Webhook(_Strict):
    """Somebody's HTTP request to `/hooks/AGENT/NAME`, signed. Its paths begin with `body` or `headers`."""

    name: Name
    scheme: Scheme
    secret: Secret
    tolerance_seconds: Annotated[int, Field(ge=1, le=3600)] = 300
    """How old a signature may be, or how far ahead of our clock. GitHub's have no time."""
    most_bytes: Annotated[int, Field(ge=1, le=25_000_000)] = 1_000_000
    only: dict[Place, list[Wanted]] = {}
    """By path the values that are wanted (`headers.x-github-event: [issues]`); the rest is answered 200 and forgotten."""
    input: dict[str, Place] = {}
    """Of the run: by field the path. Empty: each field from the body's field of the same name."""


class Files(_Strict):
    """Each file that appears in a folder, or is written anew. Its paths: `path`, `name`, `folder`, `size`, `text`."""

    name: Name
    folder: Inside
    """In the project."""
    glob: Inside = "*"
    """In the folder; `**/*.csv` for those below it too."""
    settle_seconds: Annotated[float, Field(ge=0.1, le=3600)] = 2
    """So long a file's size and time stand still before it counts as whole, wherever that is."""
    most_bytes: Annotated[int, Field(ge=1, le=200_000)] = 100_000
    """Of a file whose `text` is wanted. A larger one is refused; without `text` a file may be of any size."""
    input: dict[str, Place] = {}
    """Of the run: by field the path. Empty: each field from what has the same name."""


Followed = Literal["verified", "verified_noop", "unverified", "blocked", "failed", "unknown"]
"""Every outcome but a rehearsal's, which nothing follows."""


class After(_Strict):
    """Another agent's run that has ended. Its paths: `run_id`, `agent`, `outcome`, `reason`, `input`, `files`."""

    agent: Name
    outcomes: Annotated[list[Followed], Field(min_length=1)] = ["verified"]
    input: dict[str, Place] = {}
    """Of the run: by field the path. Empty: each field from what has the same name."""


class Coalesce(_Strict):
    """Several arrivals of one trigger become one run."""

    seconds: Annotated[float, Field(gt=0, le=86_400)]
    """After the first one, for how long others join it."""
    run: Coalesced = "last"
    """What the run gets: the input of the `last`, or a `list` of all, oldest first, in the field `into`."""
    into: str = ""
    most: Annotated[int, Field(ge=1, le=1000)] = 100
    """Arrivals in one run."""

    @model_validator(mode="after")
    def _named(self) -> Coalesce:
        if (self.run == "list") != bool(self.into):
            raise ValueError(
                "`into` names the field of the input that takes the list: with `run: list`, and only there"
            )
        return self


class Storm(_Strict):
    """What holds back a storm. Nothing is lost: what is too much now runs later."""

    at_most_per_minute: Annotated[int, Field(ge=1)] = 30
    """Runs of the agent that arrivals start."""
    at_most_per_hour: Annotated[int, Field(ge=1)] = 300
    coalesce: Coalesce | None = None
    """None: a run for each."""
    tries: Annotated[int, Field(ge=1, le=50)] = 8
    """To start the run of an arrival, with growing pauses; then it is set aside for a person."""


Trigger = Webhook | Files | After


def key_of(trigger: Trigger) -> str:
    """What the ledger calls it."""
    match trigger:
        case Webhook():
            return f"webhook {trigger.name}"
        case Files():
            return f"files {trigger.name}"
        case After():
            return f"after {trigger.agent}"


def twice(triggers: Sequence[Trigger]) -> str:
    """A trigger that is there twice, or ""."""
    keys = [key_of(trigger) for trigger in triggers]
    return next((key for key in keys if keys.count(key) > 1), "")
