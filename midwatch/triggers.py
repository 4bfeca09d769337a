"""Trigger: how does an agent's file say what becomes of what starts it? The `triggers` of `agents/NAME.yaml`.

When it runs stands in prefect.yaml. Here stands what happens where that cannot be kept to the letter: the machine was
asleep, or the last run is still going.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from midwatch.arrival_spec import After, Files, Storm, Webhook, twice

Missed = Literal["once", "all", "skip"]
"""What becomes of slots that nobody was there for."""

Overlap = Literal["queue", "skip", "replace"]
"""What becomes of a slot that is due while the agent's last scheduled run is still going."""

WhileAsking = Literal["run", "skip"]
"""What becomes of a slot that is due while an earlier run waits for a person."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class SchedulePolicy(_Strict):
    """What becomes of a schedule's slots that cannot run at their instant."""

    missed: Missed = "once"
    """`once`: the latest of them runs late, the others are missed; `all`: each runs, oldest first; `skip`: none does."""
    overlap: Overlap = "queue"
    """`queue`: one waits for the run that is going, others are skipped; `skip`: all are; `replace`: what is going is halted."""
    while_asking: WhileAsking = "run"
    """An earlier run waits for a person. `run` all the same; `skip`: the next one would only ask the same again."""
    jitter_seconds: Annotated[int, Field(ge=0, le=3600)] = 0
    """Begins up to so much later, the same for the same slot always: agents of one minute do not all start at once."""


class Triggers(_Strict):
    """What starts the agent when nobody does, and on what terms."""

    schedule: SchedulePolicy = SchedulePolicy()
    webhooks: list[Webhook] = []
    files: list[Files] = []
    after: list[After] = []
    storm: Storm = Storm()
    """Of webhooks, files and chains; a schedule keeps its own time."""

    @model_validator(mode="after")
    def _each_once(self) -> Triggers:
        if again := twice([*self.webhooks, *self.files, *self.after]):
            raise ValueError(f"`{again}` is there twice: a delivery is known by its trigger's name")
        return self
