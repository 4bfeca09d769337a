from __future__ import annotations

from datetime import UTC, datetime

import psutil

from agents.machine_report.figures import AREAS, floors, survey_text
from agents.machine_report.kept import survey_of
from agents.machine_report.measure import measure, usual_places, volumes
from agents.machine_report.systemd import unit_name
from midwatch.run import RunFacts


def test_this_machine_is_surveyed_shortly(facts: RunFacts) -> None:
    survey = measure(usual_places(facts), now=datetime.now(UTC))
    assert set(floors(survey)) == set(AREAS)
    assert len(survey_text(survey)) < 1200


def test_the_disk_of_the_project_is_among_the_volumes(facts: RunFacts) -> None:
    total = psutil.disk_usage(str(facts.project)).total
    assert total in [volume.total for volume in volumes(facts.project)]


def test_a_run_surveys_once(facts: RunFacts) -> None:
    assert survey_of(facts) == survey_of(facts)


def test_a_units_name_holds_nothing_that_could_break_the_reports_table() -> None:
    assert unit_name("back|up`@a.service loaded failed failed") == "backup@a.service"
