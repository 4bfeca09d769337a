"""The page of a night, without a browser: what is told, where it leads, and that nothing of anybody's is markup."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from midwatch.digest import Facts, digest_of
from midwatch.halt import Halt
from midwatch.ledger import HaltRow, RunRow
from midwatch.ledger.lapses import Lapse
from midwatch.night import night_of
from midwatch.outcome import Outcome
from midwatch.timeline import GLYPHS, WORDS
from tasks.digest.facts import gather
from tasks.harness.place import Place
from tasks.page.night import MOST, lapsed, night_page, stopped
from tests.tasks.digest.night import DAWN, HOSTILE, Night, busy, empty_night
from tests.tasks.page.parsed import Parsed
from tests.tasks.page.questions import page
from tests.tasks.page.test_sheet import HOSTILE as TEXTS

BERLIN = ZoneInfo("Europe/Berlin")
DRAWN = {"svg", "g", "path", "text", "circle", "title"}


async def told(night: Night, home: Path) -> str:
    meant = night_of(DAWN, BERLIN)
    facts = await gather(night.ledger, Place(project=home, home=home), meant.since, meant.until, BERLIN)
    halts = stopped(await night.ledger.halts_since(meant.since), meant, BERLIN)
    return night_page(meant, facts, digest_of(facts), [halts], page(login=True, now=DAWN))


@pytest.fixture(scope="module")
def busy_night(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, set[str]]:
    """The page after a busy night, and the ids of its runs."""

    async def looked() -> tuple[str, set[str]]:
        home = tmp_path_factory.mktemp("busy")
        async with empty_night(home) as night:
            await busy(night)
            return await told(night, home), {run.run_id for run in await night.ledger.recent_runs()}

    return asyncio.run(looked())


def facts_of(*runs: RunRow) -> Facts:
    meant = night_of(DAWN, BERLIN)
    return Facts(since=meant.since, until=meant.until, zone=BERLIN, runs=runs)


def made(
    *runs: RunRow, agent: str = "", here: str = "", halts: tuple[HaltRow, ...] = (), lapses: tuple[Lapse, ...] = ()
) -> str:
    meant, facts = night_of(DAWN, BERLIN), facts_of(*runs)
    stops = stopped(halts, meant, BERLIN)
    return night_page(
        meant,
        facts,
        digest_of(facts),
        [stops, lapsed(lapses, meant, BERLIN)],
        page(login=True, now=DAWN),
        agent=agent,
        here=here,
    )


def a_run(run_id: str, outcome: Outcome | None = "verified", agent: str = "owl", reason: str = "") -> RunRow:
    began = DAWN - timedelta(hours=2)
    return RunRow(
        run_id=run_id,
        agent=agent,
        cause="schedule",
        slot=None,
        level=4,
        asked_level=None,
        input={},
        fingerprint="f",
        started_at=began,
        finished_at=None if outcome is None else began + timedelta(minutes=3),
        outcome=outcome,
        ending=None if outcome is None else "finished",
        reason=reason,
        findings=(),
    )


def test_a_busy_night_at_a_glance(busy_night: tuple[str, set[str]]) -> None:
    parsed = Parsed(busy_night[0])
    assert parsed.one("h1").text == "Night: Sun 01 Mar 18:00 to Mon 02 Mar 08:30"
    assert parsed.misnested == []
    said = parsed.one("main").text
    assert "2 questions wait for you, the first until 09:30; 1 thing went wrong (14 runs)." in said
    assert "price-watch failed 14 times" in said
    assert "Runs from 01 Mar 18:00" in (parsed.one("svg").attributes["aria-label"] or "")
    titles = [one.text for one in parsed.all("h2")]
    assert titles[:2] == ["Waits for you", "Went wrong"]
    assert titles[-2:] == ["Money", "Runs"]


def test_each_run_leads_to_its_story_and_each_question_to_where_it_is_decided(
    busy_night: tuple[str, set[str]],
) -> None:
    html, runs = busy_night
    links = [str(one.attributes["href"]) for one in Parsed(html).all("a")]
    listed = {link.removeprefix("/run/") for link in links if link.startswith("/run/")}
    assert listed == runs
    assert sum(link.startswith("/request?ask=") for link in links) == 2
    assert all(link.startswith("/") for link in links)


def test_agents_of_which_something_went_wrong_are_first_and_open(busy_night: tuple[str, set[str]]) -> None:
    parsed = Parsed(busy_night[0])
    assert ["open" in one.attributes for one in parsed.all("details")] == [True, True, True, True]
    alone = Parsed(made(a_run("a"), a_run("b", "failed", "zebra")))
    assert ["open" in one.attributes for one in alone.all("details")] == [True, False]
    assert alone.all("summary")[0].text == "zebra 1 run: 1 failed"


def test_every_outcome_has_its_shape_and_its_word_so_that_no_colour_is_needed() -> None:
    outcomes: tuple[Outcome, ...] = ("verified", "verified_noop", "unverified", "blocked", "failed", "unknown")
    parsed = Parsed(made(*(a_run(outcome, outcome) for outcome in outcomes)))
    told = {str(one.attributes.get("class")): one.text for one in parsed.all("span")}
    looks = {name.removeprefix("look "): text for name, text in told.items() if name.startswith("look ")}
    assert looks == {outcome: f"{GLYPHS[outcome]} {WORDS[outcome]}" for outcome in outcomes}


def test_of_very_many_runs_the_latest_are_listed_and_the_others_are_a_link_away() -> None:
    runs = [a_run(f"r{number}") for number in range(MOST + 5)]
    html = made(*runs, here="day=2026-03-02")
    assert html.count('href="/run/') == MOST
    assert '5 earlier ones are not listed: <a class="see" href="?day=2026-03-02&amp;agent=owl">' in html
    assert made(*runs, agent="owl").count('href="/run/') == MOST + 5
    assert made(*runs, agent="nobody").count('href="/run/') == 0


def test_what_was_halted_says_by_whom_and_whether_it_still_is() -> None:
    at = DAWN - timedelta(hours=3)
    facts = {"halt_id": 1, "lifted_by": None, "lifted_via": None, "lifted_because": None}
    halt = Halt(scope="agent", name="owl", by="anna", via="page", because="a <b>storm</b>", at=at)
    still = HaltRow(halt=halt, lifted_at=None, **facts)  # type: ignore[arg-type]  # as they are
    over = HaltRow(halt=halt, lifted_at=at + timedelta(hours=1), **facts)  # type: ignore[arg-type]  # as they are
    said = Parsed(made(halts=(still, over))).one("main").text
    assert "Agent owl halted by anna (page) at 05:30: a <b>storm</b>; it still is" in said
    assert "lifted at 06:30" in said


def test_slots_that_nobody_ran_are_told_with_the_reason_and_the_calendar() -> None:
    one = Lapse(agent="owl", state="missed", reason="nobody was there", times=1, last=DAWN - timedelta(hours=4))
    more = Lapse(agent="bat", state="skipped", reason="", times=3, last=DAWN - timedelta(hours=5))
    said = " ".join(Parsed(made(lapses=(one, more))).one("main").text.split())
    assert "owl missed 1 slot, that of 04:30: nobody was there midwatch slots owl" in said
    assert "bat skipped 3 slots, the last that of 03:30" in said


def test_a_night_in_which_nothing_ran_says_so() -> None:
    parsed = Parsed(made())
    assert "Nothing ran." in parsed.one("main").text
    assert parsed.all("svg") == []


def test_one_comes_to_the_nights_before_and_after() -> None:
    hrefs = [str(one.attributes["href"]) for one in Parsed(made()).all("a")]
    assert "/night?day=2026-03-01" in hrefs
    earlier = night_of(DAWN, BERLIN, day="2026-02-20")
    facts = Facts(since=earlier.since, until=earlier.until, zone=BERLIN)
    html = night_page(earlier, facts, digest_of(facts), [], page(login=True, now=DAWN))
    assert '"/night?day=2026-02-19"' in html
    assert '"/night?day=2026-02-21"' in html


@pytest.mark.parametrize("text", [*TEXTS, HOSTILE], ids=lambda text: text[:20].encode("ascii", "replace").decode())
def test_what_others_wrote_is_text_wherever_it_stands(text: str) -> None:
    halt = Halt(scope="agent", name="owl", by="anna", via="cli", because=text, at=datetime(2026, 3, 2, tzinfo=UTC))
    row = HaltRow(halt=halt, halt_id=1, lifted_at=None, lifted_by=None, lifted_via=None, lifted_because=None)
    runs = [a_run(text, "failed", text, text), *(a_run(f"{text}{number}", None, text) for number in range(MOST + 1))]
    html = made(
        *runs,
        agent=text,
        here="since=7d",
        halts=(row,),
        lapses=(Lapse(agent=text, state="missed", reason=text, times=1, last=DAWN),),
    )
    parsed = Parsed(html)
    assert parsed.misnested == []
    assert not {one.tag for one in parsed.elements} & {"script", "img", "iframe", "textarea", "link"}
    assert not [name for one in parsed.elements for name in one.attributes if name.startswith("on") or name == "style"]
    assert all(re.match(r"(/|\?)", str(one.attributes["href"])) for one in parsed.all("a"))
    assert "\u202e" not in html
