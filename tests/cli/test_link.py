"""Links to the approval page, and where it is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli import keys
from cli.home import House
from cli.link import link_to, page_signer
from cli.page_address import Address, origin_of, page_address, port_file
from midwatch.errors import HouseError, LedgerError
from tests.tasks.slack.waiting import asks, open_ledger_of

pytestmark = pytest.mark.usefixtures("ledger_url")  # a copy is cheaper than one that is made


@pytest.fixture
def lived_in(house: House) -> House:
    keys.kept(house.auth, keys.new_password)
    port_file(house).write_text("4300\n")
    return house


async def test_a_link_leads_to_the_page_and_is_signed_with_the_houses_own_key(lived_in: House, tmp_path: Path) -> None:
    async with open_ledger_of(tmp_path) as ledger:
        row = await asks(ledger)
        local = await link_to(lived_in, ledger, [row.ask_id], "anna", {})
        public = await link_to(lived_in, ledger, [row.ask_id], "anna", {"MIDWATCH_PAGE_URL": "https://x.example/"})
    assert local.startswith("http://127.0.0.1:4300/r/")
    assert public.startswith("https://x.example/r/")
    link = page_signer(lived_in).read_link(local.rpartition("/")[2])
    assert link is not None
    assert (link.person, link.ask_ids) == ("anna", (row.ask_id,))
    assert datetime.now(UTC) < link.expires
    assert (lived_in.home / "page.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("person", ["", "agent", "night", "a\nb", "a\u202eb", "x" * 81])
async def test_a_link_is_made_for_a_person(lived_in: House, tmp_path: Path, person: str) -> None:
    async with open_ledger_of(tmp_path) as ledger:
        row = await asks(ledger)
        with pytest.raises(LedgerError, match="made for a person"):
            await link_to(lived_in, ledger, [row.ask_id], person, {})


async def test_a_link_is_short_enough_for_a_mail(lived_in: House, tmp_path: Path) -> None:
    async with open_ledger_of(tmp_path) as ledger:
        rows = [await asks(ledger, f"main:{place}") for place in range(50)]
        url = await link_to(lived_in, ledger, [row.ask_id for row in rows], "anna", {})
        with pytest.raises(LedgerError, match="at most 50"):
            await link_to(lived_in, ledger, [rows[0].ask_id] * 51, "anna", {})
    assert len(url) < 8000


async def test_a_key_that_others_could_read_signs_nothing(lived_in: House) -> None:
    page_signer(lived_in)
    (lived_in.home / "page.key").chmod(0o644)
    with pytest.raises(HouseError, match="others can read it"):
        page_signer(lived_in)


def test_a_page_that_was_never_up_has_no_address(house: House) -> None:
    with pytest.raises(HouseError, match="run `midwatch up` first"):
        page_address(house, {})


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://midwatch.example", "https://midwatch.example"),
        ("https://Midwatch.Example:443/", "https://midwatch.example"),
        ("http://10.0.0.7:8080", "http://10.0.0.7:8080"),
    ],
)
def test_the_public_address_is_an_origin(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "url", ["midwatch.example", "ftp://x", "https://", "https://x/path", "https://u@x", "https://x?a", "javascript:1"]
)
def test_what_is_no_origin_is_refused(url: str) -> None:
    with pytest.raises(HouseError, match="MIDWATCH_PAGE_URL"):
        origin_of(url)


def test_it_is_known_by_its_two_names() -> None:
    address = Address(local="http://127.0.0.1:4300", public="https://x.example")
    assert address.hosts == {"127.0.0.1:4300", "x.example"}
    assert address.secure
