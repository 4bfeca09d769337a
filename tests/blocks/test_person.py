from __future__ import annotations

from datetime import time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from blocks import Person
from midwatch import attention


def test_an_empty_form_is_somebody_with_a_night_and_a_budget() -> None:
    quiet = attention.QuietHours(start=time(22), until=time(7))
    assert Person().get_person("anna") == attention.Person(name="anna", quiet=quiet, a_day=6, wake_from="emergency")


def test_everything_that_is_filled_in_counts() -> None:
    filled = Person(
        time_zone="Europe/Berlin",
        quiet_from="",
        quiet_until="",
        interruptions_a_day=2,
        wake_from="urgent",
        agents=["night-owl"],
    )
    assert filled.get_person("anna") == attention.Person(
        name="anna", zone=ZoneInfo("Europe/Berlin"), a_day=2, wake_from="urgent", agents=frozenset({"night-owl"})
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"time_zone": "Berlin"},
        {"time_zone": "../../etc/passwd"},
        {"time_zone": ""},
        {"quiet_from": "25:00"},
        {"quiet_from": "22:00", "quiet_until": ""},
        {"quiet_from": "07:00"},
        {"wake_from": "sometimes"},
        {"interruptions_a_day": -1},
        {"channels": ["anna@example.org"]},
        {"channels": ["mailto://user:word@host"]},
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Person(**wrong)
