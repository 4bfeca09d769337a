"""/halt: whoever gave the password halts and lets go, by a form that this page made, for a reason, and asked twice to lift."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.page_halt import HaltPage
from midwatch.errors import LedgerAway
from midwatch.halt import Halt, Target
from midwatch.ledger import Ledger
from tasks.permissions.latch import Latch
from tests.cli.page_house import OPERATOR, Standing, Visitor, standing, text_of

pytestmark = pytest.mark.usefixtures("ledger_url")  # a copy is cheaper than one that is made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
async def house(tmp_path: Path, home: Path) -> AsyncIterator[Standing]:
    async with standing(tmp_path) as page:
        halting = HaltPage(
            ledger=page.ledger,
            home=home,
            agents=lambda: ["lark", "owl"],
            logins=page.door.logins,
        )
        page.door = replace(page.door, also=(halting.route(),))
        yield page


async def token(browser: Visitor) -> str:
    found = re.search(r'action="/halt".*?name="form" value="([^"]+)"', (await browser.get("/halt")).text, re.DOTALL)
    assert found
    return found[1]


@pytest.mark.parametrize(("button", "target"), [("all:", Target.of()), ("agent:owl", Target.of("owl"))])
async def test_one_button_halts_by_both_latches_and_lifting_asks_again(
    house: Standing, home: Path, button: str, target: Target
) -> None:
    async with house.visitor() as anna:
        await anna.log_in()
        fields = {"form": await token(anna), "because": "it spends"}
        done = await anna.post("/halt", {**fields, "halt": button})
        assert f"Halted: {target.words()} was halted by {OPERATOR} (page)" in text_of(done.text)
        assert [one.target for one in Latch(home).standing()] == [target]
        assert [one.target for one in await house.ledger.halts_in_force()] == [target]
        asked = await anna.post("/halt", {**fields, "lift": button})
        assert "Really lift it" in asked.text
        assert [one.target for one in Latch(home).standing()] == [target]
        assert "Say why" in text_of((await anna.post("/halt", {**fields, "because": "", "really_lift": button})).text)
        lifted = await anna.post("/halt", {**fields, "really_lift": button})
        assert f"Lifted: {target.words()}" in text_of(lifted.text)
    assert (Latch(home).standing(), await house.ledger.halts_in_force()) == ([], [])


async def test_nobody_halts_without_the_password_or_the_pages_own_form(house: Standing, home: Path) -> None:
    async with house.visitor() as stranger:
        assert 'name="next" value="/halt"' in (await stranger.get("/halt")).text
        assert "Log in" in (await stranger.post("/halt", {"halt": "all:", "because": "x"})).text
        await stranger.log_in()
        for form in ("", "made up"):
            refused = await stranger.post("/halt", {"form": form, "halt": "all:", "because": "x"})
            assert (refused.status_code, "Nothing was done" in refused.text) == (403, True)
        async with house.visitor() as other:
            await other.log_in()
            theirs = await token(other)
        assert (await stranger.post("/halt", {"form": theirs, "halt": "all:", "because": "x"})).status_code == 403
        own = await token(stranger)
        foreign = {"Origin": "https://elsewhere.example"}
        assert (
            await stranger.post("/halt", {"form": own, "halt": "all:", "because": "x"}, **foreign)
        ).status_code == 403
    assert (Latch(home).standing(), await house.ledger.halts_in_force()) == ([], [])


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"halt": "all:"}, "Say why"),
        ({"halt": "agent:owll", "because": "x"}, "there is no agent 'owll'"),
        ({"halt": "everybody:", "because": "x"}, "Nothing was done"),
        ({"halt": "run:../all", "because": "x"}, "Nothing was done"),
        ({"because": "x"}, "no halt, and lifts none"),
        ({"halt": "all:", "lift": "all:", "because": "x"}, "no halt, and lifts none"),
    ],
)
async def test_what_makes_no_sense_halts_nobody_and_says_so(
    house: Standing, home: Path, fields: dict[str, str], said: str
) -> None:
    async with house.visitor() as anna:
        await anna.log_in()
        answer = await anna.post("/halt", {"form": await token(anna), **fields})
        assert (answer.status_code, said in text_of(answer.text)) == (422, True)
    assert (Latch(home).standing(), await house.ledger.halts_in_force()) == ([], [])


async def test_what_a_reason_holds_is_only_shown(house: Standing, home: Path) -> None:
    words = "<script>alert(1)</script>"
    Latch(home).set(Halt(scope="agent", name="owl", by="anna", via="cli", because=words, at=datetime.now(UTC)))
    async with house.visitor() as anna:
        await anna.log_in()
        page = (await anna.get("/halt")).text
    assert "<script" not in page
    assert words in text_of(page)


async def test_it_halts_while_the_ledger_is_away_and_says_that_it_is_half(
    house: Standing, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object, **__: object) -> None:
        raise LedgerAway("the disk is full")

    async with house.visitor() as anna:
        await anna.log_in()
        form = await token(anna)
        for name in ("halt", "halts_in_force"):
            monkeypatch.setattr(Ledger, name, away)
        answer = await anna.post("/halt", {"form": form, "halt": "all:", "because": "x"})
    assert "Only half of it: the latch in the ledger could not be set: the disk is full" in text_of(answer.text)
    assert [one.target for one in Latch(home).standing()] == [Target.of()]
