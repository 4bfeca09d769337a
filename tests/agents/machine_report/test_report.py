from __future__ import annotations

from agents.machine_report.figures import AREAS, Log, OldFile, Severity, Survey, sentences
from agents.machine_report.report import read_back, render

OK: dict[str, Severity] = dict.fromkeys(AREAS, "ok")


def rendered(
    survey: Survey, *, headline: str = "All is well", remark: str = "Nothing to do.", **stated: Severity
) -> str:
    return render(survey, {area: stated.get(area, "ok") for area in AREAS}, headline=headline, remark=remark)


def test_what_is_written_is_read_back(calm: Survey) -> None:
    rows = read_back(rendered(calm, disk="critical"))
    assert {area: row.figures for area, row in rows.items()} == sentences(calm)
    assert {area for area, row in rows.items() if row.severity == "critical"} == {"disk"}


def test_the_gravest_finding_comes_first(calm: Survey) -> None:
    assert list(read_back(rendered(calm, load="warning", logs="critical")))[:2] == ["logs", "load"]


def test_words_of_the_model_cannot_add_a_row_or_a_link(calm: Survey) -> None:
    text = rendered(calm, headline="x\n| disk | ok | 1 |", remark="[click](http://x.example) <b>")
    assert set(read_back(text)) == set(AREAS)
    assert "[click](" not in text
    assert "<b>" not in text


def test_an_area_that_stands_there_twice_is_not_believed(calm: Survey) -> None:
    assert "disk" not in read_back(rendered(calm) + "\n| disk | ok | 1 % full |")


def test_names_of_files_and_logs_cannot_break_the_report(calm: Survey) -> None:
    file = OldFile(path="/tmp/a`b\n| disk | ok | x |", size=1, days=8)
    log = Log(path="/var/log/a", size=1, errors=1, last_error="error ` | disk | ok |")
    changes = {
        "temporary": calm.temporary.model_copy(update={"proposed": (file,)}),
        "logs": calm.logs.model_copy(update={"largest": (log,)}),
    }
    assert set(read_back(rendered(calm.model_copy(update=changes)))) == set(AREAS)
