"""From a ledger to a digest, and to every form of it: what is told, and that nothing of it is ever markup."""

from __future__ import annotations

import json
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from midwatch.attention import Situation, Subject, Topic
from midwatch.digest import Digest, Foreign, Line, See, digest_of
from midwatch.digest.lines import Section
from midwatch.timeline import Timeline
from tasks.digest.facts import days, gather
from tasks.digest.links import Links
from tasks.digest.markdown import as_markdown
from tasks.digest.message import digest_blocks, notification
from tasks.digest.page import digest_letter, digest_page
from tasks.digest.text import as_text
from tasks.harness.place import Place
from tests.midwatch.ledger.test_arrivals import came
from tests.tasks.digest.night import DAWN, DUSK, HOSTILE, Night, busy, empty_night, quiet
from tests.tasks.slack.slack_server import checked, strings

pytestmark = pytest.mark.usefixtures("ledger_url")  # a copy is cheaper than one that is made

BERLIN = ZoneInfo("Europe/Berlin")
LINKS = Links(ui="http://127.0.0.1:4200", page="http://127.0.0.1:4300")
OWN = (f"{LINKS.ui}/runs/flow-run/", f"{LINKS.page}/request?ask=")


async def told(night: Night, home: Path, **how: object) -> Digest:
    place = Place(project=home, home=home)
    return digest_of(await gather(night.ledger, place, DUSK - timedelta(hours=10), DAWN, BERLIN, **how))  # type: ignore[arg-type]


def section(digest: Digest, title: str) -> list[str]:
    (found,) = (one for one in digest.sections if one.title == title)
    return [line.text for line in found.lines]


async def test_a_quiet_night_is_three_lines(tmp_path: Path) -> None:
    async with empty_night(tmp_path) as night:
        await quiet(night)
        digest = await told(night, tmp_path)
    assert [line.text for line in digest.headline] == [
        "Nothing waits for you; nothing went wrong.",
        "1 run of 1 agent: 1 verified; 1 effect (1 write_file), 1 with a way back.",
        "Spent 0.0021 US dollars, 1,000 tokens, 1 step; no day has a limit.",
    ]
    assert digest.sections == ()


async def test_a_night_without_runs_says_so(tmp_path: Path) -> None:
    async with empty_night(tmp_path) as night:
        digest = await told(night, tmp_path)
    assert digest.headline[1].text == "Nothing ran."
    assert (as_markdown(digest, LINKS).count("```"), "<svg" in digest_page(digest, LINKS)) == (0, False)


async def test_what_needs_the_person_comes_first_then_what_went_wrong_then_the_rest(tmp_path: Path) -> None:
    async with empty_night(tmp_path) as night:
        await busy(night)
        digest = await told(night, tmp_path)
    assert [one.title for one in digest.sections] == [
        "Waits for you",
        "Went wrong",
        "Answered",
        "Money and limits",
        "What they did",
        "Learned",
    ]
    assert digest.headline[0].text == "2 questions wait for you, the first until 09:30; 1 thing went wrong (14 runs)."
    assert digest.headline[1].text == (
        "30 runs of 4 agents: 7 verified, 6 rightly nothing to do, 1 blocked, 14 failed, 2 not at their end; "
        "16 effects (15 move_message, 1 write_file), 16 with a way back."
    )
    first, second = section(digest, "Waits for you")
    assert first == 'machine-report wants delete_file {"path": "old/backup.tar"} · until 11:20, in 2 h 50 min'
    assert second.startswith("inbox-triage asks: Which folder?")


async def test_fourteen_repeats_of_one_failure_are_one_line(tmp_path: Path) -> None:
    async with empty_night(tmp_path) as night:
        await busy(night)
        (line,) = section(await told(night, tmp_path), "Went wrong")
    assert line == "price-watch failed 14 times, last at 04:33: GET https://shop.example/p/13137 answered 502"


async def test_refused_arrivals_are_one_line_that_says_where_they_are(tmp_path: Path) -> None:
    async with empty_night(tmp_path) as night:
        night.clock.to(3)
        for delivery in ("a", "b"):
            await night.ledger.enter_arrival(came(delivery, refused="it has no title", agent="owl"))
        digest = await told(night, tmp_path)
    assert section(digest, "Went wrong") == ["owl: 2 arrivals refused: what was sent fits no run"]
    assert "midwatch arrivals owl" in as_text(digest)
    assert digest.headline[0].text == "Nothing waits for you; 1 thing went wrong."


async def test_a_run_that_a_no_has_ended_stands_with_its_answer(tmp_path: Path) -> None:
    async with empty_night(tmp_path) as night:
        await busy(night)
        silent, denied = section(await told(night, tmp_path), "Answered")
    assert silent == "supplier-mail send_mail: nobody answered in time"
    assert denied.startswith("supplier-mail send_mail: denied, which ended 1 run; why: not him ls")


async def test_the_limits_of_a_day_come_from_the_agents_files(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    head = "name: machine-report\ndescription: d\ninstructions: i\nmodel: openai-chat:m\n"
    (tmp_path / "agents" / "machine-report.yaml").write_text(f"{head}limits: {{per_day: {{tokens: 2100}}}}\n")
    async with empty_night(tmp_path) as night:
        await busy(night)
        digest = await told(night, tmp_path)
    full, unpriced = section(digest, "Money and limits")
    assert full == "machine-report 2,000 of 2,100 tokens (95%) on 02 Mar UTC"
    assert unpriced == "machine-report: nobody knows the price of 1 step"
    assert digest.headline[2].text.startswith(
        "Spent at least 0.0252 US dollars, 13,000 tokens, 13 steps; the fullest limit"
    )


async def test_a_person_reads_of_their_agents_alone(tmp_path: Path) -> None:
    async with empty_night(tmp_path) as night:
        await busy(night)
        digest = await told(night, tmp_path, person="anna", answers_for=lambda agent: agent == "supplier-mail")
    assert digest.figures["runs"] == 2
    assert [lane.agent for lane in digest.timeline.lanes] == ["supplier-mail"]
    assert digest.headline[0].text == "Nothing waits for you; nothing went wrong."


async def test_more_than_a_screen_is_counted(tmp_path: Path) -> None:
    async with empty_night(tmp_path) as night:
        for number in range(13):
            night.clock.at += timedelta(minutes=1)
            run = await night.begins(f"agent-{number}")
            await night.asks(run, "delete_file", None)
        digest = await told(night, tmp_path)
    (waits,) = (one for one in digest.sections if one.title == "Waits for you")
    assert (len(waits.lines), waits.left_out) == (10, 3)
    assert "and 3 more: midwatch inbox" in as_text(digest)
    assert digest.timeline.undrawn == "and 1 more agent"


async def test_a_planted_proposal_looks_like_any_other_until_it_is_answered(tmp_path: Path) -> None:
    async with empty_night(tmp_path) as night:
        night.clock.to(3)
        run = await night.begins("inbox-triage")
        planted = await night.asks(run, "delete_file", 8, planted="it deletes what is kept")
        before = await told(night, tmp_path)
        await night.ledger.decide_ask(planted, "denied", by="anna", via="cli")
        after = await told(night, tmp_path)
    assert section(before, "Waits for you")[0].startswith("inbox-triage wants delete_file")
    assert section(after, "Learned") == ["1 planted proposal answered, 1 caught"]


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


OURS = {"article", "h1", "h2", "p", "ul", "li", "code", "a", "figure", "pre", "svg", "path", "text", "g", "title"}
OURS |= {"circle", "html", "head", "meta", "style", "body"}


async def test_no_foreign_word_is_markup_in_any_form(tmp_path: Path) -> None:
    async with empty_night(tmp_path) as night:
        await busy(night)
        digest = await told(night, tmp_path)
    for html in (digest_page(digest, LINKS), digest_letter(digest, LINKS)):
        tags = Tags(html)
        assert tags.found <= OURS
        assert all(link.startswith(OWN) for link in tags.links)
    rendered = Tags(MarkdownIt("commonmark").enable("table").render(as_markdown(digest, LINKS)))
    assert rendered.found <= {"h1", "h2", "ul", "li", "code", "a", "pre"}
    assert all(link.startswith(OWN) for link in rendered.links)
    blocks = checked(digest_blocks(digest, LINKS))
    assert "mrkdwn" not in json.dumps(blocks)
    assert any("<!channel>" in text for text in strings(blocks))  # letter for letter, in a text element
    for text in (as_text(digest), *strings(blocks)):
        assert "\u202e" not in text
    assert "<!channel>" not in notification(digest)
    for markup in ("<", "@", "](", "http://127.0.0.1:9/"):  # what some service behind a webhook would make of them
        assert markup not in as_text(digest)


def of(part: str | Foreign, see: See | None = None) -> Digest:
    lines = (Line(parts=(part,), see=see),)
    empty = Timeline(since=DUSK, until=DAWN, zone=BERLIN, lanes=())
    sections = (Section(title="Went wrong", lines=lines),)
    return Digest(person="", since=DUSK, until=DAWN, zone=BERLIN, headline=lines, sections=sections, timeline=empty)


async def test_what_was_held_back_is_told_with_its_reason_in_one_line(tmp_path: Path) -> None:
    async with empty_night(tmp_path) as night:
        night.clock.to(1)
        for number in range(3):
            run = await night.begins("price-watch")
            await night.ends(run, "failed", f"answered {500 + number}")
            for person in ("anna", "bela"):
                noted = await held(night, person, Subject(id=run, run_id=run, rule="ended failed", at=night.clock.at))
        both = await told(night, tmp_path)
        await night.ledger.notice_sent(noted, "midwatch-mail/bela")
        one = await told(night, tmp_path, person="anna")
        other = await told(night, tmp_path, person="bela")
    line = "price-watch failed 3 times, last at 02:06: answered 502"
    assert section(both, "Went wrong") == section(one, "Went wrong") == [f"{line} · held back: quiet hours until 07:00"]
    assert section(other, "Went wrong") == [line]
    assert "Held back" not in {one.title for one in (*both.sections, *other.sections)}


async def test_a_question_that_was_held_back_and_answered_since_has_its_line(tmp_path: Path) -> None:
    async with empty_night(tmp_path) as night:
        run = await night.begins("machine-report")
        ask = await night.asks(run, "delete_file", 8)
        await held(night, "anna", Subject(id=ask, run_id=run, rule="ask.files", at=night.clock.at), "requests")
        waiting = await told(night, tmp_path)
        await night.ledger.decide_ask(ask, "denied", by="anna", via="cli")
        answered = await told(night, tmp_path)
    assert section(waiting, "Waits for you")[0].endswith(" · held back: quiet hours until 07:00")
    line = "machine-report asked for a decision, last at Sun 01 Mar 19:00 (attention): quiet hours until 07:00"
    assert section(answered, "Held back") == [line]


async def held(night: Night, person: str, subject: Subject, topic: Topic = "endings") -> str:
    agent = "price-watch" if topic == "endings" else "machine-report"
    said = Situation(agent=agent, topic=topic, severity="attention", subjects=(subject,))
    noted = await night.ledger.note_situation(person, said)
    await night.ledger.weighed(noted or "", "later", "quiet hours until 07:00")
    return noted or ""


@given(st.text(max_size=60), st.booleans())
def test_whatever_text_it_is_it_stays_text(text: str, own: bool) -> None:
    digest = of(
        text if own else Foreign(text=text),
        See(command=f"midwatch {text}", run_id=text, ask_ids=() if own else (text,)),
    )
    page = Tags(digest_page(digest, LINKS))
    assert page.found <= {"article", "h1", "p", "h2", "ul", "li", "code", "a"}
    rendered = Tags(MarkdownIt("commonmark").enable("table").render(as_markdown(digest, LINKS)))
    assert rendered.found <= {"h1", "h2", "ul", "li", "code", "a"}
    assert len(rendered.links) <= 1
    assert all(len(part["text"]) for part in digest_blocks(digest, LINKS)[-1]["elements"][1]["elements"][0]["elements"])


@pytest.mark.parametrize("text", [HOSTILE, "``` `", "`", "", "\n", "a\u200bb", "‹U+200B›"])
def test_a_code_span_holds_what_a_person_would_miss(text: str) -> None:
    rendered = MarkdownIt("commonmark").render(as_markdown(of(Foreign(text=text)), LINKS))
    assert rendered.count("<code>") == 2
    assert "\u200b" not in rendered


def test_a_message_never_outgrows_slack() -> None:
    many = tuple(Line(parts=(Foreign(text="x" * 100),)) for _ in range(10))
    sections = tuple(Section(title=f"S{number}", lines=many, left_out=3) for number in range(7))
    digest = of("x")
    blocks = digest_blocks(
        Digest(**{**{name: getattr(digest, name) for name in Digest.__slots__}, "sections": sections}), LINKS
    )
    assert len(json.dumps(checked(blocks))) <= 10_000
    assert any("and 12 more" in text or "and 10 more" in text or "and 8 more" in text for text in strings(blocks))


def test_the_days_of_a_while_are_those_that_it_touches() -> None:
    assert [day.isoformat() for day in days(DUSK, DAWN)] == ["2026-03-02", "2026-03-01"]
    assert len(days(DUSK - timedelta(days=90), DAWN)) == 8
