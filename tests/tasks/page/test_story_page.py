"""The story of a run, without a browser: in order, whose words are whose, and nothing of anybody's as markup."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.budget import Spent
from midwatch.characters import visible
from midwatch.contract import Finding
from midwatch.decision import Verdict
from midwatch.ledger import AskRow, EffectState
from midwatch.ledger.stories import Extract, StoryPage, Told, ToldDecision, ToldEffect, ToldStep
from tasks.page.story import BECAME, LONGEST, STEPS, pages_of, story_page
from tests.tasks.digest.night import DAWN, HOSTILE
from tests.tasks.page.parsed import Parsed
from tests.tasks.page.questions import page, row
from tests.tasks.page.test_night_page import BERLIN, a_run
from tests.tasks.page.test_sheet import HOSTILE as TEXTS

RUN = a_run("0123456789ab", reason="4 of 4 checks of the contract hold")


def extract(text: str, length: int | None = None) -> Extract:
    return Extract(text=text, length=len(text) if length is None else length)


def step(name: str = "qwen", **facts: Any) -> ToldStep:
    known: dict[str, Any] = {"position": name, "at": DAWN, "kind": "model", "detail": extract("")}
    known |= {"tokens": 1200, "usd": Decimal("0.01"), "seconds": 2.0, "result": None, "effect": None}
    return ToldStep(name=name, **{**known, **facts})


def effect(state: EffectState = "consumed", **facts: Any) -> ToldEffect:
    known: dict[str, Any] = {"call_id": "main/c", "tool": "write_file", "args": extract('{"path":"a"}'), "why": ""}
    known |= {"undo": "", "reserved_at": DAWN, "settled_at": None}
    return ToldEffect(state=state, **{**known, **facts})


def decision(verdict: Verdict = "ask", **facts: Any) -> ToldDecision:
    known: dict[str, Any] = {"position": "p", "at": DAWN, "tool": "write_file", "args": extract('{"path":"a.txt"}')}
    return ToldDecision(verdict=verdict, **{**known, "rule": "ask.files", "reason": "it writes", **facts})


def answer(*parts: dict[str, Any]) -> Extract:
    return extract(json.dumps({"response": {"parts": list(parts)}}))


def made(*told: Told, asks: tuple[AskRow, ...] = (), here: int = 1, **facts: Any) -> str:
    doubts = facts.pop("doubts", ())
    story = StoryPage(told=told, first=(here - 1) * STEPS, all=facts.pop("all", len(told)), effects={}, doubts=doubts)
    pages = pages_of(story.all, here)
    assert pages
    known: dict[str, Any] = {"run": RUN, "zone": BERLIN, **facts}
    run, zone = known.pop("run"), known.pop("zone")
    return story_page(run, story, asks, Spent(steps=3), page(login=True), pages=pages, zone=zone, **known)


def said(html: str) -> str:
    return " ".join(Parsed(html).one("main").text.split())


def test_its_outcome_and_its_reason_come_first() -> None:
    html = made()
    assert Parsed(html).one("h1").text == "owl: verified"
    assert said(html).startswith("owl: verified ● 4 of 4 checks of the contract hold Run0123456789ab")


def test_each_thing_that_it_did_is_told_with_its_time_cost_and_end() -> None:
    call = step(
        "write_file", kind="tool", detail=extract('{"path":"a.txt"}'), effect=effect(), tokens=0, usd=Decimal(0)
    )
    text = said(made(step(), decision(), call))
    assert "08:30:00 · It asked the model qwen 2.0 s, 1,200 tokens, 0.0100 US dollars" in text
    assert "The rules ask about: write_file (rule ask.files) Whyit writes patha.txt" in text
    assert "It called write_file · it took effect 2.0 s patha.txt" in text


def test_the_words_of_the_agent_are_quoted_and_named_as_such() -> None:
    told = answer(
        {"part_kind": "text", "content": "The rules allow everything."},
        {"part_kind": "tool-call", "tool_name": "shell", "args": {"command": "ls"}},
    )
    quotes = [one.text.strip() for one in Parsed(made(step(result=told))).all("blockquote")]
    assert quotes == ["The rules allow everything.", 'shell {"command": "ls"}']
    assert "The agent's own words" in said(made(step(result=told)))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"response":{"parts":7}}', '{"response":{"parts":[7,null]}}', "[" * 9000]
)
def test_an_answer_that_cannot_be_read_is_no_fault(text: str) -> None:
    assert "It asked the model" in said(made(step(result=extract(text))))


@pytest.mark.parametrize("state", BECAME)
def test_every_state_of_an_effect_is_told(state: EffectState) -> None:
    assert BECAME[state] in said(made(step("t", kind="tool", effect=effect(state))))


def test_what_nobody_knows_stands_before_the_steps_of_the_first_page() -> None:
    doubt = effect("unknown", why="the line was cut")
    text = said(made(step(), doubts=(doubt,)))
    assert text.index("write_file: nobody knows whether it happened") < text.index("What it did")
    assert "the line was cut" in text
    assert "the line was cut" not in said(made(doubts=(doubt,), here=2, all=STEPS + 1))


def test_what_waits_leads_to_where_it_is_decided_and_what_is_decided_says_how() -> None:
    done = row(ask_id="b", verdict="denied", by="anna", via="page", decided_at=DAWN, decided_because="not him")
    html = made(asks=(row(ask_id="a:1"), done))
    assert '<a href="/request?ask=a%3A1">' in html
    assert "2 · write_file denied by anna through page" in said(html)
    assert "not him" in said(html)


def test_a_test_is_told_when_it_was_decided_and_not_before() -> None:
    assert "planted" not in made(asks=(row(planted="planted"),))
    assert "planted" in made(asks=(row(planted="planted", verdict="denied", by="a", via="page", decided_at=DAWN),))


def test_what_does_not_hold_stands_before_what_holds() -> None:
    findings = (Finding(check="a", held=True, detail="x"), Finding(check="b", held=False, looked=False, detail="y"))
    text = said(made(run=replace(RUN, findings=findings)))
    assert text.index("could not be seen · b: y") < text.index("holds · a: x")


def test_a_long_text_is_folded_and_cut_saying_by_how_much() -> None:
    html = made(step("t", kind="tool", result=extract("x" * LONGEST, 3_000_000)))
    assert Parsed(html).one("summary").text == "What came back 3,000,000 characters"
    assert f"The other {3_000_000 - LONGEST:,} characters are in the ledger." in said(html)


def test_ten_thousand_steps_are_two_hundred_pages() -> None:
    html = made(step(), here=7, all=10_000)
    assert "Page 7 of 200" in said(html)
    ways = {
        one.text: one.attributes["href"] for one in Parsed(html).all("a") if "?page=" in str(one.attributes["href"])
    }
    base = "/run/0123456789ab?page="
    assert ways == {"First": f"{base}1", "Earlier": f"{base}6", "Later": f"{base}8", "Last": f"{base}200"}
    assert Parsed(html).one("ol").attributes["start"] == str(6 * STEPS + 1)


@pytest.mark.parametrize(
    ("number", "here", "there"),
    [(0, 1, True), (0, 2, False), (50, 1, True), (50, 2, False), (51, 2, True), (9, 0, False)],
)
def test_only_pages_that_are_there_are_there(number: int, here: int, there: bool) -> None:
    assert (pages_of(number, here) is not None) is there


def test_the_day_is_told_where_it_is_another_one() -> None:
    text = said(made(step(at=DAWN + timedelta(days=1))))
    assert "Tue 03 Mar 08:30:00 · It asked" in text
    assert "06:30:00" in said(made(step(at=RUN.started_at + timedelta(hours=1)), zone=ZoneInfo("UTC")))


def hostile(text: str) -> str:
    called = step(text, kind="tool", detail=extract(json.dumps({text: text})), result=extract(text))
    parts = [{"part_kind": "text", "content": text}, {"part_kind": "tool-call", "tool_name": text, "args": text}]
    told: list[Told] = [
        step(text, result=answer(*parts)),
        replace(called, effect=effect(why=text, undo=text)),
        decision(tool=text, rule=text, reason=text, args=extract(text)),
        step(text, kind="harness", detail=extract(text)),
    ]
    asks = (
        row(ask_id=text, tool=text, words=text, arguments={text: text}),
        row(
            verdict="edited",
            by=text,
            via=text,
            decided_at=DAWN,
            decided_because=text,
            edited_args_json=text,
            answer=text,
        ),
    )
    run = replace(
        RUN, agent=text, reason=text, input={text: text}, findings=(Finding(check=text, held=False, detail=text),)
    )
    return made(*told, asks=asks, run=run, doubts=(effect("unknown", tool=text, args=extract(text), why=text),))


@pytest.mark.parametrize("text", [*TEXTS, HOSTILE], ids=lambda text: text[:20].encode("ascii", "replace").decode())
def test_what_others_wrote_is_text_wherever_it_stands(text: str) -> None:
    html = hostile(text)
    parsed = Parsed(html)
    assert parsed.misnested == []
    assert not {one.tag for one in parsed.elements} & {"script", "img", "iframe", "textarea", "link"}
    assert not [name for one in parsed.elements for name in one.attributes if name.startswith("on") or name == "style"]
    assert "\u202e" not in html


@given(st.text(max_size=40))
def test_nothing_that_cannot_be_seen_is_on_it(text: str) -> None:
    told = Parsed(hostile(text)).one("main").text
    assert visible(told) == told.replace("‹", "‹U+2039›")
