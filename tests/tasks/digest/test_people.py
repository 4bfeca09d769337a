"""Whom a digest is for, where they are, and where it goes."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from midwatch.digest import See
from tasks.digest.links import Link, Links, links_of
from tasks.digest.people import Reader, machine_zone, zone_of_the_house
from tasks.digest.run import routes

BERLIN, TOKYO = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tokyo")
MACHINE = {"MIDWATCH_ZONE": "America/Lima"}


@pytest.mark.parametrize(
    ("people", "zone"),
    [
        ([], "America/Lima"),
        ([BERLIN], "Europe/Berlin"),
        ([BERLIN, BERLIN], "Europe/Berlin"),
        ([BERLIN, TOKYO], "America/Lima"),
    ],
)
def test_the_house_is_where_its_people_are(people: list[ZoneInfo], zone: str) -> None:
    assert zone_of_the_house([Reader(zone=each) for each in people], MACHINE).key == zone


@pytest.mark.parametrize("name", ["", "Nowhere/None", "../../etc/passwd"])
def test_a_zone_that_is_none_is_utc(name: str) -> None:
    assert machine_zone({"MIDWATCH_ZONE": name}).key == "UTC"


def test_the_houses_digest_goes_where_everybody_looks_and_a_persons_to_their_channels() -> None:
    house = Reader(zone=BERLIN)
    assert routes(house, {}) == [("artifact", ())]
    assert routes(house, {"MIDWATCH_SLACK": "ops"}) == [("artifact", ()), ("slack", ("ops",))]
    anna = Reader(name="anna", zone=BERLIN, channels=("midwatch-mail/anna",))
    assert routes(anna, {"MIDWATCH_SLACK": "ops"}) == [("channels", ("midwatch-mail/anna",))]


def test_what_waits_leads_to_where_it_is_decided(tmp_path: Path) -> None:
    see = See(command="midwatch show 34567890", run_id="1234567890", ask_ids=("r:main:a b",))
    assert Links().of(see) is None
    assert Links(ui="http://ui").of(see) == Link(address="http://ui/runs/flow-run/1234567890", label="run 34567890")
    decide = Link(address="http://page/request?ask=r%3Amain%3Aa+b", label="decide, run 34567890")
    assert Links(ui="http://ui", page="http://page").of(see) == decide
    many = See(command="midwatch inbox", run_id="r", ask_ids=tuple(str(number) for number in range(21)))
    assert Links(page="http://page").of(many) == Link(address="http://page/", label="decide, run r")


def test_the_page_is_where_the_operator_says_or_on_this_machine(tmp_path: Path) -> None:
    assert links_of(tmp_path, {}).page is None
    (tmp_path / "page.port").write_text("4301\n")
    assert links_of(tmp_path, {}).page == "http://127.0.0.1:4301"
    assert links_of(tmp_path, {"MIDWATCH_PAGE_URL": "https://watch.example/"}).page == "https://watch.example"
