from __future__ import annotations

from typing import Any

import pytest

from agents.machine_report.figures import (
    Area,
    Load,
    Log,
    Memory,
    Severity,
    Survey,
    Units,
    Volume,
    floors,
    objection,
    size_text,
    survey_text,
)

GIB = 1024**3


def volume(percent: float) -> Volume:
    return Volume(path="/", total=100, free=1, percent=percent)


def log(**changes: Any) -> Log:
    return Log(path="/var/log/a", size=1, errors=0, last_error="").model_copy(update=changes)


def test_nothing_is_wrong_on_a_calm_machine(calm: Survey) -> None:
    assert set(floors(calm).values()) == {"ok"}


@pytest.mark.parametrize(
    ("area", "change", "floor"),
    [
        ("disk", {"disk": (volume(84.9),)}, "ok"),
        ("disk", {"disk": (volume(85),)}, "warning"),
        ("disk", {"disk": (volume(20), volume(95))}, "critical"),
        ("memory", {"memory": Memory(total=1, percent=96, swap_percent=0)}, "critical"),
        ("memory", {"memory": Memory(total=1, percent=10, swap_percent=80)}, "warning"),
        ("load", {"load": Load(five_minutes=2.9, cores=2)}, "ok"),
        ("load", {"load": Load(five_minutes=3.0, cores=2)}, "warning"),
        ("load", {"load": Load(five_minutes=8.0, cores=2)}, "critical"),
        ("units", {"units": Units(failed=("a.service",))}, "warning"),
        ("units", {"units": Units(failed=tuple("abcde"))}, "critical"),
        ("units", {"units": Units(failed=(), unavailable="systemd does not run here")}, "unknown"),
    ],
)
def test_a_floor_follows_from_figures(calm: Survey, area: Area, change: dict[str, Any], floor: Severity) -> None:
    assert floors(calm.model_copy(update=change))[area] == floor


@pytest.mark.parametrize(
    ("change", "floor"),
    [
        ({"largest": (log(errors=19),)}, "ok"),
        ({"largest": (log(errors=20),)}, "warning"),
        ({"largest": (log(size=5 * GIB),)}, "critical"),
        ({"journal_errors": 20}, "warning"),
        ({"largest": ()}, "ok"),
    ],
)
def test_logs_are_graded_by_errors_and_size(calm: Survey, change: dict[str, Any], floor: Severity) -> None:
    logs = calm.logs.model_copy(update=change)
    assert floors(calm.model_copy(update={"logs": logs}))["logs"] == floor


@pytest.mark.parametrize(
    ("stated", "floor", "accepted"),
    [
        ("ok", "ok", True),
        ("warning", "ok", True),
        ("critical", "ok", False),
        ("critical", "warning", True),
        ("ok", "warning", False),
        ("ok", "critical", False),
        ("warning", "critical", False),
        ("unknown", "ok", False),
        ("unknown", "critical", False),
        ("ok", "unknown", False),
        ("unknown", "unknown", True),
    ],
)
def test_judgment_may_add_one_step_and_never_take_one_away(stated: Severity, floor: Severity, accepted: bool) -> None:
    assert (objection("disk", stated, floor) == "") is accepted


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1024, "1 KiB"),
        (3 * 1024**2, "3 MiB"),
        (int(1.5 * GIB), "1.5 GiB"),
        (250 * GIB, "250 GiB"),
    ],
)
def test_a_size_has_three_digits_at_most(size: int, text: str) -> None:
    assert size_text(size) == text


def test_the_model_reads_a_severity_and_figures_for_each_area(calm: Survey) -> None:
    text = survey_text(calm)
    assert "disk: ok. / 40 % full, 60.0 GiB free of 100 GiB" in text
    assert text.endswith("old files to delete: 0")
    assert len(text) < 1200
