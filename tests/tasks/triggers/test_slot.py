from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

from prefect.client.schemas.objects import FlowRun

from tasks.triggers.slot import idempotency_key, slot_of

INSTANT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


def test_two_runs_of_one_scheduled_instant_fill_one_slot_in_any_time_zone() -> None:
    one = FlowRun(id=uuid4(), flow_id=uuid4(), auto_scheduled=True, expected_start_time=INSTANT)
    east = INSTANT.astimezone(timezone(timedelta(hours=9)))
    other = FlowRun(id=uuid4(), flow_id=uuid4(), auto_scheduled=True, expected_start_time=east)
    assert slot_of(one) == slot_of(other)
    assert (slot_of(one).cause, slot_of(one).name) == ("schedule", "schedule 2026-11-23T03:00:00+00:00")


def test_every_run_that_a_person_starts_is_a_slot_of_its_own() -> None:
    runs = [FlowRun(id=uuid4(), flow_id=uuid4(), expected_start_time=INSTANT) for _ in range(2)]
    assert {slot_of(run).cause for run in runs} == {"person"}
    assert len({slot_of(run).name for run in runs}) == 2


def test_an_automation_s_run_is_named_by_its_event() -> None:
    by = {"id": str(uuid4()), "type": "AUTOMATION", "display_value": None}
    made = {"flow_id": str(uuid4()), "created_by": by, "idempotency_key": "event-7"}
    runs = [FlowRun.model_validate({"id": str(uuid4()), **made}) for _ in range(2)]
    assert {slot_of(run).name for run in runs} == {"event event-7"}
    assert slot_of(runs[0]).cause == "event"


def test_what_arrived_is_an_event_and_a_key_that_only_looks_like_one_is_a_person_s() -> None:
    keys = ["arrival:abc", "my arrival:abc", "Arrival:abc", None]
    runs = [FlowRun(id=uuid4(), flow_id=uuid4(), idempotency_key=key) for key in keys]
    assert [slot_of(run).cause for run in runs] == ["event", "person", "person", "person"]
    assert slot_of(runs[0]).name == "event arrival:abc"


def test_the_run_that_the_keeper_makes_fills_the_slot_of_prefect_s_own() -> None:
    prefects = FlowRun(id=uuid4(), flow_id=uuid4(), auto_scheduled=True, expected_start_time=INSTANT)
    made = {"flow_id": uuid4(), "parameters": {"agent": "owl"}, "idempotency_key": idempotency_key("owl", INSTANT)}
    assert slot_of(FlowRun(id=uuid4(), **made)) == slot_of(prefects)


def test_a_rehearsal_never_fills_the_slot_that_it_rehearses() -> None:
    scheduled: dict[str, Any] = {"flow_id": uuid4(), "auto_scheduled": True, "expected_start_time": INSTANT}
    rehearsal = slot_of(FlowRun(id=uuid4(), parameters={"agent": "owl", "shadow": True}, **scheduled))
    real = slot_of(FlowRun(id=uuid4(), parameters={"agent": "owl", "shadow": False}, **scheduled))
    assert (rehearsal.name, rehearsal.instant, rehearsal.cause) == (f"rehearsal of {real.name}", None, "schedule")


def test_a_key_that_is_another_agent_s_or_no_instant_is_no_schedule_s() -> None:
    for key in (idempotency_key("lark", INSTANT), "slot of owl: tomorrow"):
        run = FlowRun(id=uuid4(), flow_id=uuid4(), parameters={"agent": "owl"}, idempotency_key=key)
        assert slot_of(run).cause == "person"
