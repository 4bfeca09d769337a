"""Monitoring: what if a run goes round in circles, gets nowhere, or does what it never did? The agent file's `monitors`.

Each is on for every agent. The model is told first, once; a run that goes on all the same is brought before a person, once,
or ends.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from midwatch.errors import MidwatchError

Then = Literal["ask", "end", "off"]
"""When telling the model was not enough: ask a person, end the run as `blocked`; or never look at all."""

MonitorName = Literal["loop", "stall", "drift"]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class _Monitor(_Strict):
    then: Then = "ask"
    """`ask` a person, `end` the run, `off`: it is not watched. Where nobody can be asked, `ask` ends it."""


class LoopMonitor(_Monitor):
    """The same call, or the same cycle of up to eight calls, with the same results."""

    repeats: Annotated[int, Field(ge=2, le=50)] = 3
    """So often in a row the model is told; as often again, and the run is stopped for a person."""
    more_steps: Annotated[int, Field(ge=1, le=1000)] = 20
    """Model requests that a person's "go on" is good for; a run that is still in it then ends."""


class StallMonitor(_Monitor):
    """No progress: no effect, no result not seen before, no check of a file in the contract that turned out otherwise."""

    steps: Annotated[int, Field(ge=2, le=1000)] = 10
    """So many model requests without any the model is told; as many again, and the run is stopped for a person.

    One that asks for something new, and gets a result seen before, counts a third.
    """
    more_steps: Annotated[int, Field(ge=1, le=1000)] = 20
    """As of a loop."""
    minutes: Annotated[float, Field(gt=0, le=60 * 24)] = 60
    """At work without one finished step: the run ends, whatever `then` says, except `off`."""


class DriftMonitor(_Monitor):
    """A tool, host or recipient that the agent's verified runs never used; steps, dollars or minutes beyond their habit."""

    runs: Annotated[int, Field(ge=4, le=20)] = 8
    """Verified runs of this agent file that there must be before anything counts as unusual."""


class Monitors(_Strict):
    """What watches a run besides its limits."""

    loop: LoopMonitor = LoopMonitor()
    stall: StallMonitor = StallMonitor()
    drift: DriftMonitor = DriftMonitor()


class Stopped(MidwatchError):
    """A monitor ended the run, which is `blocked`. Says what was seen, and who decided."""
