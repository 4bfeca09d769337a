"""Human judgment: who is told when something needs a person, as they fill it in: when, how often, by which channels."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from prefect.blocks.core import Block
from pydantic import Field, StringConstraints, field_validator, model_validator

from midwatch import attention
from midwatch.severity import Severity

Clock = Annotated[str, StringConstraints(pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$")]
BlockName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+/[a-z0-9-]+$")]


class Person(Block):
    """Somebody who answers for agents, by the name of the block. Every saved one counts; without any, no notice is sent."""

    _block_type_name = "Midwatch person"
    _block_type_slug = "midwatch-person"
    _description = (
        "Somebody who answers for agents: quiet hours, interruptions a day, what wakes them, how they are told."
    )

    time_zone: str = Field(default="UTC", description="IANA name of where they are.", examples=["Europe/Berlin"])
    quiet_from: Clock = Field(default="22:00", description="Quiet hours, by the clock on the wall; empty: none.")
    quiet_until: Clock = Field(default="07:00", description="Until then; empty: none.")
    interruptions_a_day: int = Field(default=6, ge=0, le=100, description="At most, by their own calendar.")
    wake_from: Severity = Field(
        default="emergency", description="From this severity on they are told at any time, and over the budget."
    )
    agents: list[str] = Field(default_factory=list, description="Names of those they answer for; empty: all.")
    channels: list[BlockName] = Field(
        default_factory=list,
        description="Prefect's notification blocks, TYPE/NAME each; the first that takes a notice sends it. "
        "Empty: nothing is sent, and Slack's messages and the inbox keep to the quiet hours.",
        examples=[["midwatch-mail/anna", "custom-webhook/pager"]],
    )

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, KeyError) as error:
            raise ValueError(f"{value!r} is no IANA time zone, such as Europe/Berlin") from error
        return value

    @model_validator(mode="after")
    def _both_or_none(self) -> Person:
        if bool(self.quiet_from) != bool(self.quiet_until):
            raise ValueError("quiet hours have a beginning and an end: fill in both of quiet_from and quiet_until")
        if self.quiet_from and self.quiet_from == self.quiet_until:
            raise ValueError("quiet hours that end when they begin would be all day: make one of the two another")
        return self

    def get_person(self, name: str) -> attention.Person:
        """The settings, as the rules of attention read them, of the block called `name`."""
        quiet: Any = None
        if self.quiet_from:
            start, until = time.fromisoformat(self.quiet_from), time.fromisoformat(self.quiet_until)
            quiet = attention.QuietHours(start=start, until=until)
        return attention.Person(
            name=name,
            zone=ZoneInfo(self.time_zone),
            quiet=quiet,
            a_day=self.interruptions_a_day,
            wake_from=self.wake_from,
            agents=frozenset(self.agents),
        )
