"""Level 5 besides its runs: each thing that is missing is named with what would supply it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from midwatch.ledger import HaltCheck
from midwatch.ledger.layers import LayersSeen
from midwatch.rung_five import StandIns, missing_for_five
from midwatch.spec import AgentSpec

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)
DONE = {"done_when": [{"file": {"path": "a"}}]}


def layers(**changes: Any) -> LayersSeen:
    return LayersSeen(**{"agent": "a", "fingerprint": "f", "held": True, "detail": "", "at": NOW, **changes})


def halt(**changes: Any) -> HaltCheck:
    return HaltCheck(**{"at": NOW, "held": True, "detail": "", **changes})


def missing(seen: dict[str, Any], **fields: Any) -> tuple[str, ...]:
    told = {"name": "a", "description": "d", "instructions": "i", "contract": DONE, "expect_within_hours": 26, **fields}
    there: dict[str, Any] = {"layers": layers(), "halt_check": halt(), "ping_taken": NOW, "worth": ""}
    return missing_for_five(AgentSpec.model_validate(told), "f", StandIns(**{**there, **seen}), NOW)


def test_nothing_is_missing_where_all_of_it_is_there() -> None:
    assert missing({}) == ()


@pytest.mark.parametrize(
    ("seen", "fields", "said"),
    [
        ({"layers": None}, {}, "`midwatch check a`"),
        ({"layers": layers(held=False)}, {}, "`midwatch check a`"),
        ({"layers": layers(fingerprint="of before")}, {}, "`midwatch check a`"),
        ({"layers": layers(at=NOW - 8 * DAY)}, {}, "within 7 days"),
        ({}, {"contract": {}}, "`midwatch contract suggest a`"),
        ({"halt_check": None}, {}, "`halt-check`"),
        ({"halt_check": halt(held=False)}, {}, "`halt-check`"),
        ({"halt_check": halt(at=NOW - 3 * DAY)}, {}, "within 2 days"),
        ({}, {"expect_within_hours": None}, "`expect_within_hours`"),
        ({"ping_taken": None}, {}, "`MIDWATCH_PING_URL`"),
        ({"ping_taken": NOW - timedelta(hours=2)}, {}, "within the hour"),
        ({"worth": "it costs more than it saves"}, {}, "it costs more than it saves"),
    ],
)
def test_what_is_missing_says_what_would_supply_it(seen: dict[str, Any], fields: dict[str, Any], said: str) -> None:
    (one,) = missing(seen, **fields)
    assert said in one
