"""The ladder as a browser sees it: a real ledger, real files; who may see it, what it tells, and that it only shows."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from midwatch.ledger.tables import levels
from tests.cli.ladder_house import LATER, OWL, WHY, climb_and_fall, many_moves
from tests.cli.page_house import Standing, Visitor, standing, text_of
from tests.midwatch.ledger.climbs import nights
from tests.tasks.page.parsed import Parsed
from tests.tasks.slack.waiting import asks


@pytest.fixture(scope="module")
def after_a_fall(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A house to copy."""
    folder = tmp_path_factory.mktemp("fell")
    asyncio.run(climb_and_fall(folder))
    return folder


@pytest.fixture
async def house(after_a_fall: Path, tmp_path: Path) -> AsyncIterator[Standing]:
    shutil.copytree(after_a_fall, tmp_path, dirs_exist_ok=True)
    async with standing(tmp_path) as page:
        page.later = LATER - datetime.now(UTC)
        yield page


async def test_it_is_shown_to_whoever_gave_the_password_and_nobody_else(house: Standing) -> None:
    row = await asks(house.ledger)
    async with house.visitor() as anna:
        assert (await anna.get("/ladder")).headers["location"] == "/"
        assert (await anna.get(house.link(row))).status_code == 200
        assert (await anna.get("/ladder?agent=owl")).headers["location"] == "/"
        await anna.log_in()
        assert (await anna.get("/ladder")).status_code == 200


async def test_each_agent_stands_on_its_rung_below_its_ceiling(anna: Visitor) -> None:
    parsed = Parsed((await anna.get("/ladder")).text)
    assert parsed.misnested == []
    assert [one.text for one in parsed.all("h2")][:2] == ["owl stands at level 4", "heron stands at level 3"]
    rungs = [" ".join(one.text.split()) for one in parsed.all("li") if "value" in one.attributes]
    assert rungs[:2] == ["unattended its ceiling", "auto stands here"]
    assert rungs[5:8] == [
        "unattended above its ceiling",
        "auto above its ceiling",
        "supervised stands here its ceiling",
    ]
    assert len(parsed.all("li", **{"aria-current": "step"})) == 2


async def test_a_class_tells_its_evidence_its_fall_its_curve_and_what_is_missing(anna: Visitor) -> None:
    shown = (await anna.get("/ladder?agent=owl")).text
    said = text_of(shown)
    assert "ask.push (write)" in said
    assert "Asks. It fell" in said
    assert WHY in said
    assert "By override, without evidence until" in said
    assert "Proposed: Let ask.push go unasked" in said
    assert "midwatch promote owl ask.push" in said
    assert "a person denied it" in said
    titles = [one.text for one in Parsed(shown).all("title")]
    assert "Evidence of ask.push" in titles
    assert any("of the way to the threshold" in one.text.lower() for one in Parsed(shown).all("desc"))
    assert "all six layers, held within 7 days: midwatch check owl" in said.replace("`", "")


async def test_what_a_person_types_is_code_and_a_date_has_its_year(anna: Visitor) -> None:
    parsed = Parsed((await anna.get("/ladder?agent=owl")).text)
    assert "midwatch check owl" in [one.text for one in parsed.all("code")]
    assert "`" not in text_of((await anna.get("/ladder")).text)
    assert "It fell Sun 01 Mar 2026" in " ".join(parsed.one("main").text.split())


async def test_of_an_agent_with_a_lower_ceiling_nothing_is_missing_for_level_5_but_the_ceiling(
    house: Standing, anna: Visitor
) -> None:
    said = text_of((await anna.get("/ladder?agent=heron")).text)
    assert "Level 5" not in said
    (house.home / "agents" / "owl.yaml").write_text(OWL.replace("ceiling: 5", "ceiling: 4"))
    await nights(house.ledger, 5)
    said = text_of((await anna.get("/ladder?agent=owl")).text)
    assert "ceiling: 5 in its file: it is 4" in said
    assert "midwatch check owl" not in said


async def test_many_classes_are_listed_first_each_a_link_to_its_evidence(anna: Visitor) -> None:
    parsed = Parsed((await anna.get("/ladder?agent=owl")).text)
    briefs = {
        " ".join(one.text.split()): (one.attributes["href"] or "")[1:]
        for one in parsed.all("a")
        if "of the way" in one.text
    }
    assert list(briefs) == ["ask.mail asks, 0% of the way", "ask.push asks, 100% of the way", "Level 5, 0% of the way"]
    titles = [one.text for place in briefs.values() for one in parsed.all("div", id=place)]
    assert ["ask.mail (egress)" in titles[0], "ask.push (write)" in titles[1]] == [True, True]


async def test_the_trust_ledger_has_every_move_the_newest_first_page_by_page(house: Standing, anna: Visitor) -> None:
    rows = [one.text for one in Parsed((await anna.get("/ladder")).text).all("tr")][1:]
    assert ["override" in row for row in rows] == [True, False, False, False]
    assert "asks" in rows[1]
    assert "Fallen, by midwatch" in rows[1]
    await many_moves(house.home, 60)
    pages = [Parsed((await anna.get(f"/ladder?page={page}")).text).all("tr")[1:] for page in (1, 2)]
    assert [len(page) for page in pages] == [50, 14]
    assert len({row.text for page in pages for row in page}) == 64
    assert 'page=2&amp;agent=owl#trust">Older' in (await anna.get("/ladder?agent=owl")).text
    assert len(Parsed((await anna.get("/ladder?agent=heron")).text).all("tr")) == 0


async def test_what_is_not_there_is_no_fault(anna: Visitor) -> None:
    for asked in ("agent=nobody", "agent=%00", "agent=..%2Fowl", "agent=<script>", "page=0", "page=9", "page=x"):
        shown = await anna.get(f"/ladder?{asked}")
        assert shown.status_code == 404
        assert "<script" not in shown.text


async def test_a_file_that_is_wrong_is_said_and_the_others_are_shown(house: Standing, anna: Visitor) -> None:
    (house.home / "agents" / "bat.yaml").write_text("name: bat\nwhat: is this\n")
    said = text_of((await anna.get("/ladder")).text)
    assert "Not shown:" in said
    assert "owl stands at level 4" in said


async def test_of_very_many_agents_some_are_a_link_away(house: Standing, anna: Visitor) -> None:
    for number in range(8):
        (house.home / "agents" / f"b{number}.yaml").write_text(OWL.replace("owl", f"b{number}"))
    shown = (await anna.get("/ladder")).text
    assert shown.count("stands at level") == 6
    assert text_of(shown).index("owl stands") < text_of(shown).index("b0 stands")
    assert 'href="/ladder?agent=heron"' in shown


async def test_it_only_shows_and_is_sealed_as_every_page_is(house: Standing, anna: Visitor) -> None:
    before = await house.ledger.verify_chain()
    shown, inbox = await anna.get("/ladder"), await anna.get("/")
    assert (await anna.post("/ladder", {"all": "approve"})).status_code == 405
    assert await house.ledger.verify_chain() == before
    for name in ("content-security-policy", "cache-control", "x-frame-options"):
        assert shown.headers[name] == inbox.headers[name]
    assert "<script" not in shown.text
    assert " style=" not in shown.text


async def test_a_row_that_nobody_signed_is_called_what_it_is(house: Standing, anna: Visitor) -> None:
    await house.ledger.write(lambda tx: tx.changed(update(levels).values(level=5)), durable=True)
    said = text_of((await anna.get("/ladder")).text)
    assert "owl stands at level 3" in said
    assert "Tampered with:" in said


async def test_one_comes_there_from_the_night_and_back(anna: Visitor) -> None:
    assert 'href="/ladder"' in (await anna.get("/night")).text
    assert 'href="/night"' in (await anna.get("/ladder")).text
