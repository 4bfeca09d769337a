from __future__ import annotations

from agents.machine_report.figures import AREAS, Log, OldFile, Severity, Survey, Worst, sentences
from agents.machine_report.report import read_back, render


def rendered(survey: Survey, *, worst: Worst = "nothing", **said: Severity) -> str:
    return render(survey, {area: said.get(area, "ok") for area in AREAS}, worst=worst)


def test_what_is_written_is_read_back(calm: Survey) -> None:
    rows = read_back(rendered(calm, disk="critical"))
    assert {area: row.figures for area, row in rows.items()} == sentences(calm)
    assert {area for area, row in rows.items() if row.severity == "critical"} == {"disk"}


def test_the_gravest_finding_comes_first(calm: Survey) -> None:
    assert list(read_back(rendered(calm, load="warning", logs="critical")))[:2] == ["logs", "load"]


def test_the_worst_area_stands_in_the_headline_with_where_to_look_first(calm: Survey) -> None:
    assert rendered(calm, load="critical", worst="load").startswith("# lighthouse: load, critical\n")
    assert "the busiest programs" in rendered(calm, load="critical", worst="load")
    assert rendered(calm).startswith("# lighthouse: nothing is wrong\n")


def test_an_area_that_stands_there_twice_is_not_believed(calm: Survey) -> None:
    assert "disk" not in read_back(rendered(calm) + "\n| disk | ok | 1 % full |")


def test_names_of_files_and_logs_cannot_break_the_report(calm: Survey) -> None:
    host = "a | disk | ok | x\n# b <i>"
    file = OldFile(path="/tmp/a`b\n| disk | ok | x |", size=1, days=8)
    log = Log(path="/var/log/a", size=1, errors=1, last_error="error ` | disk | ok |")
    changes = {
        "host": host,
        "temporary": calm.temporary.model_copy(update={"proposed": (file,)}),
        "logs": calm.logs.model_copy(update={"largest": (log,)}),
    }
    assert set(read_back(rendered(calm.model_copy(update=changes)))) == set(AREAS)
