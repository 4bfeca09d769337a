"""A person before Prefect's own pages, in a real browser: every answer, and a page that is not ours."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from selenium.webdriver import Chrome

from cli import keys, occupancy
from cli.home import House
from midwatch.ledger import AskRow, EffectRow, Ledger, RunRow
from tests.flows.browser import MISSING, NewUi, chromium
from tests.flows.conftest import Night, house_of_agents
from tests.flows.scripted_model import Script, call

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
]

NAMES = ("approved", "denied", "edited", "over", "typed", "asked")
WRITERS = NAMES[:4]
CONTENT = "hello\n![p](http://127.0.0.1:9/p.png) <img src=p>\n[a link](http://127.0.0.1:9/) **bold**\n```\nend"
EDITED = "hello, as a person wants it"
AGENT = """
tools:
  - read_file: {{root: work}}
  - write_file: {{root: work}}
rules:
  allow: [read_file]
  ask: [write_file]
ceiling: 4
contract:
  done_when:
    - file: {{path: work/{name}.txt, contains: [hello], newer_than_start: true}}
escalation: {{deadline_minutes: 600}}
"""
BEFORE = "hello before\nas it was"
TYPED = """
tools: [{{python: "tests.flows.typed_tool:order"}}]
rules: {{ask: [order]}}
ceiling: 4
escalation: {{deadline_minutes: 600}}
"""
ORDER = {"amount": 12.5, "boxes": 3, "currency": "EUR", "express": False, "note": "by noon", "to": ["a"]}
CHANGED = {"amount": 13.25, "boxes": 4, "currency": "USD", "express": True, "note": "by one", "to": ["a", "b"]}
ASKED = """
tools: [ask_human]
ceiling: 4
escalation: {{deadline_minutes: 600}}
"""
CUT = "return [...arguments[0].querySelectorAll('pre')].filter(one => one.scrollWidth > one.clientWidth).length"
ATTEMPTS = """
const [api, run, done] = arguments;
const json = {"Content-Type": "application/json"}, text = {"Content-Type": "text/plain"};
const body = JSON.stringify({run_input: {decision_1: "approve"}}), resume = `/flow_runs/${run}/resume`;
const tries = {
  "read": ["/admin/version", {}],
  "read a token": ["/csrf-token?client=stranger", {}],
  "list": ["/flow_runs/filter", {method: "POST", headers: json, body: "{}"}],
  "resume": [resume, {method: "POST", headers: json, body}],
  "resume as text": [resume, {method: "POST", headers: text, body}],
  "resume unseen": [resume, {method: "POST", headers: text, body, mode: "no-cors"}],
};
(async () => {
  const got = {stored: JSON.stringify({...localStorage}) + document.cookie};
  for (const [what, [path, how]] of Object.entries(tries)) {
    try {
      const answer = await fetch(api + path, {credentials: "include", ...how});
      got[what] = `${answer.type} ${answer.status} ${await answer.text()}`.trim();
    } catch (error) { got[what] = error.name; }
  }
  done(got);
})();
"""
NOTHING = dict.fromkeys(("read", "read a token", "list", "resume", "resume as text"), "TypeError")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One run: what its form showed, and what came of the answer."""

    form: str
    pictures_and_links: int
    cut: int
    """Boxes of code that run out of sight."""
    asked: int
    """Requests to the model before the house was stopped."""
    asked_in_all: int
    asks: list[AskRow]
    effects: list[EffectRow]
    run: RunRow
    heard: str
    """The last conversation that the model was sent."""
    file: str


@dataclass(frozen=True, kw_only=True)
class Evening:
    runs: dict[str, Seen]
    strange: dict[str, dict[str, str]]
    """What a page of another origin got, before and after the person had logged in."""
    password: str


@pytest.fixture(scope="module")
def agent_house(tmp_path_factory: pytest.TempPathFactory, script: Script) -> Iterator[House]:
    """A house that these tests may stop and start."""
    with house_of_agents(tmp_path_factory.mktemp("evening"), script) as house:
        yield house


@pytest.fixture(scope="module")
def restart(agent_house: House) -> Iterator[Callable[[], None]]:
    """Stop all of the house, and start it again in the same home."""
    with ExitStack() as supervisors:

        def again() -> None:
            assert occupancy.stop(agent_house)
            supervisors.enter_context(occupancy.start(agent_house, leashed=True))

        yield again
        occupancy.stop(agent_house)


@pytest.fixture(scope="module")
def evening(
    agent_house: House, script: Script, restart: Callable[[], None], tmp_path_factory: pytest.TempPathFactory
) -> Evening:
    return asyncio.run(spend(agent_house, script, restart, tmp_path_factory.mktemp("profile")))


async def spend(house: House, script: Script, restart: Callable[[], None], profile: Path) -> Evening:
    """All runs wait, the house is restarted, and a person answers them all in one sitting."""
    async with Ledger.open(f"sqlite+aiosqlite:///{house.home / 'ledger.db'}") as ledger:
        night = Night(house=house, script=script, _ledger=(ledger,))
        run_ids = await begin(night)
        asked = {name: script.count(name) for name in NAMES}
        restart()
        password = keys.read(house.auth)
        with chromium(profile) as driver, stranger() as page:
            strange = {"before": attempts(driver, page, house, run_ids["approved"])}
            driver.get(house.url)
            NewUi(driver).log_in(password)
            strange["after"] = attempts(driver, page, house, run_ids["approved"])
            assert [len(await night.waiting(run_id)) for run_id in run_ids.values()] == [1] * len(NAMES)
            forms = {name: answer(driver, house, name) for name in NAMES}
        runs = {name: await outcome(night, name, run_ids[name], asked[name], *forms[name]) for name in NAMES}
        return Evening(runs=runs, strange=strange, password=password)


async def begin(night: Night) -> dict[str, UUID]:
    """One suspended run for each name."""
    (night.project / "work").mkdir()
    (night.project / "work" / "seed.txt").write_text("seed")
    (night.project / "work" / "edited.txt").write_text(BEFORE)
    for name in WRITERS:
        write = call("write_file", path=f"{name}.txt", content=CONTENT)
        night.agent(name, AGENT.format(name=name), call("read_file", path="seed.txt"), write, "written")
    night.agent("typed", TYPED.format(), call("order", **ORDER), "ordered")
    night.agent("asked", ASKED.format(), call("ask_human", question="Where?", options=["EU", "US east"]), "told")
    run_ids = await asyncio.gather(*map(night.start, NAMES))
    await asyncio.gather(*map(night.waiting, run_ids))
    return dict(zip(NAMES, run_ids, strict=True))


def answer(driver: Chrome, house: House, name: str) -> tuple[str, int, int]:
    """Answer one run as its name says; returns what its form showed, how many pictures and links, and what is cut."""
    ui = NewUi(driver)
    driver.get(house.url)
    form = ui.open_form(name)
    text, foreign = form.text, len(form.find_elements("css selector", "img, a"))
    cut = driver.execute_script(CUT, form)
    match name:
        case "approved":
            ui.choose("approve")
        case "denied":
            ui.choose("deny")
            ui.explain("not tonight")
        case "over":
            ui.choose("take over")
            ui.explain("I do it myself")
        case "typed":
            order(ui)
        case "asked":
            ui.choose("EU", of="1 · one of these")
            ui.write("but not the north", into="1 · or say it yourself")
        case _:
            ui.choose("edit")
            ui.write(EDITED, into="1 · content")
            ui.explain("better words")
    ui.submit()
    return text, foreign, cut


def order(ui: NewUi) -> None:
    """Change every argument, each in its own kind of field."""
    ui.choose("edit", of="1 · order")
    ui.number("13.25", into="1 · amount")
    ui.number("4", into="1 · boxes")
    ui.choose("USD", of="1 · currency")
    ui.switch("1 · express")
    ui.write("by one", into="1 · note")
    ui.code('["a", "b"]', into="1 · to")


async def outcome(night: Night, name: str, run_id: UUID, asked: int, form: str, foreign: int, cut: int) -> Seen:
    run = await night.ended(run_id)
    file = night.project / "work" / f"{name}.txt"
    return Seen(
        form=form,
        pictures_and_links=foreign,
        cut=cut,
        asked=asked,
        asked_in_all=night.script.count(name),
        asks=await night.ledger.asks_of(str(run_id)),
        effects=await night.ledger.effects_of(str(run_id)),
        run=run,
        heard=json.dumps([each["messages"] for each in night.script.requests if each["model"] == name][-1]),
        file=file.read_text() if file.exists() else "",
    )


@contextmanager
def stranger() -> Iterator[str]:
    """The address of a page that has nothing to do with the house, on the same machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>A stranger</title>")

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing on the terminal of the tests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def attempts(driver: Chrome, page: str, house: House, run_id: UUID) -> dict[str, str]:
    """What the stranger's page gets when its script asks the house's API in the person's browser."""
    driver.get(page)
    got: dict[str, str] = driver.execute_async_script(ATTEMPTS, f"{house.url}/api", str(run_id))
    return got


@pytest.mark.parametrize("name", WRITERS)
def test_the_form_shows_exactly_what_would_run_and_why_and_until_when(evening: Evening, name: str) -> None:
    (ask,), form = evening.runs[name].asks, evening.runs[name].form
    wanted = ["write_file", f"path: {name}.txt", *CONTENT.splitlines(), "Why you are asked:", "rule ask.write-file"]
    assert [each for each in wanted if each not in form] == []
    assert f"Deadline: {ask.deadline:%Y-%m-%d %H:%M} UTC" in form


@pytest.mark.parametrize("name", NAMES)
def test_what_a_model_wrote_is_shown_whole_and_never_drawn(evening: Evening, name: str) -> None:
    assert (evening.runs[name].pictures_and_links, evening.runs[name].cut) == (0, 0)


def test_what_would_change_in_a_file_is_shown_as_a_diff(evening: Evening) -> None:
    lines = evening.runs["edited"].form.splitlines()
    assert [line for line in ("-hello before", "-as it was", "+hello", "+end") if line not in lines] == []


def test_every_argument_is_changed_in_a_field_of_its_own_kind(evening: Evening) -> None:
    (effect,) = evening.runs["typed"].effects
    assert (effect.state, json.loads(effect.args_json)) == ("consumed", CHANGED)


def test_an_answer_is_chosen_and_said(evening: Evening) -> None:
    (ask,) = evening.runs["asked"].asks
    assert (ask.verdict, ask.answer) == ("answered", "EU\nbut not the north")
    assert "but not the north" in evening.runs["asked"].heard


@pytest.mark.parametrize(
    ("name", "verdict", "ended", "file"),
    [
        ("approved", "approved", "verified", CONTENT),
        ("denied", "denied", "blocked", ""),
        ("edited", "edited", "verified", EDITED),
        ("over", "taken_over", "blocked", ""),
    ],
)
def test_an_answer_in_the_browser_is_recorded_and_done(
    evening: Evening, name: str, verdict: str, ended: str, file: str
) -> None:
    seen = evening.runs[name]
    assert [(ask.verdict, ask.via) for ask in seen.asks] == [(verdict, "prefect-ui")]
    assert (seen.run.outcome, seen.file) == (ended, file), seen.run.reason


@pytest.mark.parametrize(
    ("name", "why"), [("denied", "not tonight"), ("edited", "better words"), ("over", "I do it myself")]
)
def test_the_reason_that_a_person_gave_is_recorded(evening: Evening, name: str, why: str) -> None:
    assert [ask.decided_because for ask in evening.runs[name].asks] == [why]


@pytest.mark.parametrize("name", WRITERS[:3])
def test_a_run_goes_on_where_it_was_although_the_house_was_down_meanwhile(evening: Evening, name: str) -> None:
    assert (evening.runs[name].asked, evening.runs[name].asked_in_all) == (2, 3)


@pytest.mark.parametrize("name", WRITERS)
def test_an_effect_stands_in_the_ledger_once_or_not_at_all(evening: Evening, name: str) -> None:
    seen = evening.runs[name]
    effects = [(effect.tool, effect.state, effect.attempts, effect.ask_id) for effect in seen.effects]
    assert effects == ([] if name in ("denied", "over") else [("write_file", "consumed", 1, seen.asks[0].ask_id)])


def test_the_model_hears_what_the_person_wrote(evening: Evening) -> None:
    assert "not tonight" in evening.runs["denied"].heard
    assert EDITED in evening.runs["edited"].heard


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_page_of_another_origin_reads_nothing_and_resumes_nothing(evening: Evening, when: str) -> None:
    got = dict(evening.strange[when])
    stored = got.pop("stored")
    assert got == NOTHING | {"resume unseen": "opaque 0"}
    assert evening.password not in stored
    assert base64.b64encode(evening.password.encode()).decode() not in stored
