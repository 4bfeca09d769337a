"""The approval page as a browser that can be lied to sees it: a real ledger, real HTTP; only Prefect is a fake."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from midwatch.ledger import AskRow
from tasks.page.tokens import SESSION, Signer
from tasks.permissions.answers import decide
from tasks.permissions.form import Answer
from tests.cli.page_house import OPERATOR, PASSWORD, Standing, context, form_of, standing, text_of
from tests.tasks.slack.waiting import DIGEST, RUN, asks, started

pytestmark = pytest.mark.usefixtures("ledger_url")  # a copy is cheaper than one that is made

OTHER = "7d6f3b0c-0f39-4c55-9e52-2f36f1f9a002"
SCHEMA = {"properties": {"path": {"type": "string"}, "lines": {"type": "integer", "minimum": 1}}, "required": ["path"]}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Standing]:
    async with standing(tmp_path) as page:
        yield page


async def row_of(house: Standing, row: AskRow) -> AskRow:
    return await house.ledger.ask(row.ask_id)


async def test_a_click_behind_a_link_decides_in_the_name_of_its_person_and_sends_the_run_on(house: Standing) -> None:
    row = await asks(house.ledger)
    async with house.visitor() as anna:
        answer = await anna.send(house.link(row), q0_do="approve", q0_reason="looks right")
        assert answer.status_code == 303
        page = await anna.get(answer.headers["location"])
    now = await row_of(house, row)
    assert (now.verdict, now.by, now.via, now.granted_digest) == ("approved", "anna", "page", DIGEST)
    assert (now.decided_because, house.resumed) == ("looks right", [RUN])
    assert "approved by anna through page" in text_of(page.text)


@pytest.mark.parametrize(
    ("kind", "fields", "verdict"),
    [
        ("approve", {"q0_do": "deny", "q0_reason": "not tonight"}, "denied"),
        ("approve", {"all": "take_over", "q0_reason": "I do it"}, "taken_over"),
        ("park", {"q0_do": "approve"}, "approved"),
        ("park", {"q0_do": "deny"}, "denied"),
        ("answer", {"q0_do": "answer", "q0_option": "1"}, "answered"),
        ("answer", {"q0_do": "answer", "q0_answer": "neither"}, "answered"),
        ("answer", {"q0_do": "deny"}, "denied"),
    ],
)
async def test_each_answer_is_written_down_as_what_it_is(
    house: Standing, kind: Any, fields: dict[str, str], verdict: str
) -> None:
    arguments = {"question": "Which?", "options": ["app", "db"]} if kind == "answer" else {"path": "a"}
    row = await asks(house.ledger, kind=kind, arguments=arguments)
    async with house.visitor() as anna:
        assert (await anna.send(house.link(row), **fields)).status_code == 303
    now = await row_of(house, row)
    assert (now.verdict, now.decided_because or "") == (verdict, fields.get("q0_reason", ""))
    assert now.answer == (fields.get("q0_answer") or ("db" if "q0_option" in fields else None))


async def test_after_the_login_the_inbox_leads_to_each_request_and_the_operator_decides(house: Standing) -> None:
    row = await asks(house.ledger, minutes=600)
    await started(house.ledger, OTHER)
    await asks(house.ledger, run_id=OTHER, tool="shell", arguments={"command": "make"}, minutes=5)
    async with house.visitor() as operator:
        assert "Log in" in (await operator.get("/")).text
        assert (await operator.log_in()).status_code == 303
        inbox = (await operator.get("/")).text
        assert inbox.index("night asks: shell") < inbox.index("night asks: write_file")
        answer = await operator.send(f"/request?ask={quote(row.ask_id)}", q0_do="approve")
        assert "approved by operator" in text_of((await operator.get(answer.headers["location"])).text)
    assert (await row_of(house, row)).by == OPERATOR


async def test_what_may_have_done_harm_stands_before_everything_else(house: Standing) -> None:
    await asks(house.ledger, minutes=1)
    await started(house.ledger, OTHER)
    await asks(house.ledger, run_id=OTHER, kind="settle", tool="pay", deadline=None)
    async with house.visitor() as operator:
        await operator.log_in()
        inbox = (await operator.get("/")).text
    assert inbox.index("did pay happen?") < inbox.index("write_file")


async def test_each_question_of_a_request_gets_its_own_decision(house: Standing) -> None:
    rows = [await asks(house.ledger, f"main:{place}") for place in range(4)]
    async with house.operator() as anna:
        fields = {"q0_do": "approve", "q1_do": "deny", "q1_reason": "no", "q2_do": "always", "all": ""}
        page = await anna.send(house.place(*rows), **fields)
    assert "a rule is proposed as 0a1b2c3d" in text_of(page.text)
    verdicts = [(await row_of(house, row)).verdict for row in rows]
    assert (verdicts, house.proposed) == (["approved", "denied", "approved", None], [rows[2].ask_id])


async def test_all_that_was_shown_is_approved_or_denied_at_once(house: Standing) -> None:
    rows = [await asks(house.ledger, f"main:{place}") for place in range(3)]
    async with house.visitor() as anna:
        page = await anna.get(house.link(*rows[:2]))
        action, token = form_of(page.text)
        assert (await anna.post(action, {"form": token, "all": "approve"})).status_code == 303
    assert [(await row_of(house, row)).verdict for row in rows] == ["approved", "approved", None]


async def test_a_form_that_contradicts_itself_decides_nothing(house: Standing) -> None:
    rows = [await asks(house.ledger, f"main:{place}") for place in range(2)]
    async with house.visitor() as anna:
        page = await anna.send(house.link(*rows), q1_do="deny", q1_reason="because <b>", all="approve")
    assert page.status_code == 422
    assert "You chose otherwise here" in text_of(page.text)
    assert "because &lt;b&gt;</textarea>" in page.text
    assert [(await row_of(house, row)).verdict for row in rows] == [None, None]


@pytest.mark.parametrize(
    ("kind", "fields", "says"),
    [
        ("approve", {}, "Nothing was chosen"),
        ("approve", {"q0_do": "happened"}, "cannot be said"),
        ("approve", {"q0_do": "approve", "q0_reason": "x" * 1001}, "at most 1,000"),
        ("approve", {"all": "everything"}, "not of this page"),
        ("answer", {"q0_do": "answer"}, "Choose an answer, or write one"),
        ("answer", {"q0_do": "answer", "q0_option": "9"}, "Choose an answer, or write one"),
        ("answer", {"q0_do": "answer", "q0_option": "0", "q0_answer": "db"}, "chose an answer and wrote another"),
        ("settle", {"q0_do": "happened"}, "Say how you know"),
    ],
)
async def test_a_form_that_does_not_fit_comes_back_and_decides_nothing(
    house: Standing, kind: Any, fields: dict[str, str], says: str
) -> None:
    row = await asks(house.ledger, kind=kind, arguments={"question": "Which?", "options": ["app", "db"]})
    async with house.visitor() as anna:
        page = await anna.send(house.link(row), **fields)
    assert page.status_code == 422
    assert says in text_of(page.text)
    assert (await row_of(house, row)).verdict is None


async def test_an_edit_runs_the_edited_call_and_one_that_does_not_fit_comes_back_as_it_was_typed(
    house: Standing,
) -> None:
    arguments = {"path": "a.txt", "lines": 3}
    row = await asks(house.ledger, arguments=arguments, context_json=context(parameters=SCHEMA))
    path = f"{house.link(row)}?edit={quote(row.ask_id)}"
    async with house.visitor() as anna:
        for lines, says in (("many", "not a number"), ("0", "`lines` must be at least 1")):
            page = await anna.send(path, edit=row.ask_id, a0="b <i>", a1=lines)
            assert page.status_code == 422
            assert says in text_of(page.text)
            assert 'value="b &lt;i&gt;"' in page.text
            assert 'aria-invalid="true"' in page.text.partition('name="a1"')[2].partition(">")[0]
        assert (await anna.send(path, edit=row.ask_id, a0="b.txt", a1="4")).status_code == 303
    now = await row_of(house, row)
    assert (now.verdict, json.loads(now.edited_args_json or "")) == ("edited", {"path": "b.txt", "lines": 4})
    assert now.granted_digest not in (None, DIGEST)


async def test_an_edit_that_changes_nothing_is_a_plain_yes(house: Standing) -> None:
    row = await asks(house.ledger)
    async with house.visitor() as anna:
        await anna.send(f"{house.link(row)}?edit={quote(row.ask_id)}", edit=row.ask_id, a0="a.txt", a1="hello")
    assert ((await row_of(house, row)).verdict, (await row_of(house, row)).granted_digest) == ("approved", DIGEST)


async def test_a_mandate_is_shown_before_it_is_signed_and_signed_as_it_was_shown(house: Standing) -> None:
    row = await asks(house.ledger)
    link = house.place(row)
    async with house.operator() as anna:
        path = f"{link}&ahead={quote(row.ask_id)}"
        page = await anna.send(path, ahead=row.ask_id, uses="0", until="whenever")
        assert (page.status_code, "A number from 1" in page.text, "is no moment" in page.text) == (422, True, True)
        page = await anna.send(path, ahead=row.ask_id, uses="20", until="48h")
        assert "20 more calls of write_file." in text_of(page.text)
        assert (await row_of(house, row)).verdict is None
        _, token = form_of(page.text)
        offer = page.text.partition('name="sign" value="')[2].partition('"')[0]
        assert (await anna.post(link, {"form": token, "sign": f"{offer}x"})).status_code == 422
        signed = await anna.post(link, {"form": token, "sign": offer})
        again = await anna.post(link, {"form": token, "sign": offer})
    assert "Mandate 1 stands, signed by you" in text_of(signed.text)
    assert (again.status_code, "you changed nothing" in again.text) == (409, True)
    (one,) = await house.ledger.mandates_of("night")
    assert (one.mandate.by, one.mandate.via, one.mandate.uses, one.mandate.ask_id) == (OPERATOR, "page", 20, row.ask_id)
    assert (await row_of(house, row)).verdict == "approved"


async def test_a_link_decides_its_question_and_leads_to_the_login_for_more(house: Standing) -> None:
    row = await asks(house.ledger)
    link, ahead = house.link(row), f"{house.place(row)}&ahead={quote(row.ask_id)}"
    async with house.visitor() as anna:
        page = (await anna.get(link)).text
        _, token = form_of(page)
        for more in ({"q0.do": "always"}, {"ahead": row.ask_id, "uses": "20", "until": "48h"}, {"sign": "x"}):
            assert (await anna.post(link, {"form": token, **more})).status_code == 403
        assert (ahead.replace("&", "&amp;") in page or ahead in page, "propose a rule" in page) == (True, False)
        login = (await anna.get(ahead)).text
        assert "A link decides its questions, and nothing else." in text_of(login)
        (onward,) = re.findall(r'name="next" value="([^"]+)"', login)
        in_now = await anna.post("/login", {"password": PASSWORD, "next": unescape(onward)})
        assert in_now.headers["location"] == ahead
        assert "Show me what that lets through" in text_of((await anna.get(ahead)).text)
    assert ((await row_of(house, row)).verdict, house.proposed) == (None, [])


@pytest.mark.parametrize(
    "address",
    [
        *(
            "//evil.example",
            "http://evil.example/request?",
            "/\\evil.example",
            "/night//evil.example",
            "/night@evil.example",
        ),
        *("/run/../r/x", "/run//evil.example", "/night?\r\nX: y", "/night\n", "/r/x", "/login", "", "/requested?"),
    ],
)
async def test_a_login_leads_nowhere_else(house: Standing, address: str) -> None:
    async with house.visitor() as anna:
        answer = await anna.post("/login", {"password": PASSWORD, "next": address})
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize("address", ["/night", "/night?day=2026-03-01&agent=night", f"/run/{OTHER}", "/digest"])
async def test_a_login_leads_to_the_page_that_was_opened(house: Standing, address: str) -> None:
    async with house.visitor() as anna:
        for page in (await anna.get(address), await anna.post("/login", {"password": "wrong", "next": address})):
            (onward,) = re.findall(r'name="next" value="([^"]+)"', page.text)
            assert unescape(onward) == address
        assert (await anna.post("/login", {"password": PASSWORD, "next": address})).headers["location"] == address


async def test_where_no_mandate_can_be_made_the_page_says_why(house: Standing) -> None:
    row = await asks(house.ledger, tool="shell", arguments={"command": "x"})
    async with house.operator() as anna:
        page = await anna.send(f"{house.place(row)}&ahead={quote(row.ask_id)}", ahead=row.ask_id, uses="2", until="2d")
    assert (page.status_code, "no mandate can be made" in text_of(page.text)) == (422, True)


async def test_a_run_is_taken_over_only_with_all_that_it_asks_in_sight(house: Standing) -> None:
    rows = [await asks(house.ledger, f"main:{place}") for place in range(2)]
    async with house.visitor() as anna:
        page = await anna.send(house.link(rows[0]), all="take_over")
        assert "asks more than is shown here" in text_of(page.text)
        assert (await anna.send(house.link(*rows), all="take_over")).status_code == 303
    assert [(await row_of(house, row)).verdict for row in rows] == ["taken_over", "taken_over"]


# --- what nobody may get by with ---


async def test_following_a_link_decides_nothing_whatever_it_carries(house: Standing) -> None:
    row = await asks(house.ledger)
    link = house.link(row)
    async with house.visitor() as mail_scanner:
        _, token = form_of((await mail_scanner.get(link)).text)
        for query in (
            "",
            f"?q0.do=approve&form={quote(token)}",
            f"?all=approve&form={quote(token)}",
            "?edit=x&ahead=y",
        ):
            assert (await mail_scanner.get(link + query)).status_code == 200
            assert (await mail_scanner.client.head(link + query)).status_code == 200
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            assert (await mail_scanner.client.request(method, link)).status_code == 403
    assert (await row_of(house, row)).verdict is None


async def test_a_link_that_was_forged_or_made_by_another_house_shows_and_decides_nothing(house: Standing) -> None:
    row = await asks(house.ledger)
    real = house.link(row)
    stranger = Signer("another key", PASSWORD).link([row], "anna", house.now())
    async with house.visitor() as eve:
        _, token = form_of((await eve.get(real)).text)
        for forged in (real[:-3], f"{real[:20]}x{real[21:]}", f"/r/{stranger}", f"/r/{token}", "/r/x", "/r/"):
            page = await eve.get(forged)
            assert (page.status_code, "write_file" in page.text) == (404, False)
            assert (await eve.post(forged, {"form": token, "q0.do": "approve"})).status_code in (404, 405)
    assert (await row_of(house, row)).verdict is None


async def test_a_link_that_has_expired_shows_and_decides_nothing(house: Standing) -> None:
    row = await asks(house.ledger, minutes=60 * 48)
    link = house.link(row)
    async with house.visitor() as anna:
        _, token = form_of((await anna.get(link)).text)
        house.later = timedelta(hours=24, seconds=1)
        page = await anna.get(link)
        assert (page.status_code, "write_file" in page.text, "expired" in page.text) == (410, False, True)
        assert (await anna.post(link, {"form": token, "q0.do": "approve"})).status_code == 410
    assert (await row_of(house, row)).verdict is None


async def test_an_answer_behind_the_deadline_is_silence(house: Standing) -> None:
    row = await asks(house.ledger, minutes=0.003)
    never = await asks(house.ledger, "main:2", deadline=None)
    link = house.link(row, never)
    async with house.visitor() as anna:
        _, token = form_of((await anna.get(link)).text)
        assert row.deadline is not None
        await asyncio.sleep(max(0.0, (row.deadline - house.now()).total_seconds()) + 0.01)
        page = await anna.post(link, {"form": token, "q0.do": "approve"})
    assert (page.status_code, "came too late" in text_of(page.text)) == (409, True)
    assert (await row_of(house, row)).verdict == "expired"


async def test_a_link_says_what_stands_once_it_was_decided_anywhere(house: Standing) -> None:
    row = await asks(house.ledger)
    link = house.link(row)
    async with house.visitor() as anna:
        _, token = form_of((await anna.get(link)).text)
        await decide(
            house.ledger, row, Answer(ask_id=row.ask_id, verdict="denied", reason="no"), by="bela", via="slack"
        )
        page = await anna.get(link)
        assert "denied by bela through slack" in text_of(page.text)
        assert "<form" not in page.text
        late = await anna.post(link, {"form": token, "q0.do": "approve"})
    assert late.status_code == 409
    assert "decided already: denied by bela through slack" in text_of(late.text)
    assert ((await row_of(house, row)).verdict, house.resumed) == ("denied", [])


async def test_a_double_click_two_tabs_and_a_replay_are_one_decision(house: Standing, tmp_path: Path) -> None:
    row = await asks(house.ledger)
    link = house.link(row)
    async with house.visitor() as one, house.visitor() as two:
        forms = [form_of((await tab.get(link)).text)[1] for tab in (one, two)]
        clicks = [(one, forms[0], "approve")] * 2 + [(two, forms[1], "deny")] * 2
        sent = [tab.post(link, {"form": token, "q0.do": do}) for tab, token, do in clicks]
        answers = await asyncio.gather(*sent)
        replay = await one.post(link, {"form": forms[0], "q0.do": "deny"})
    assert sorted(answer.status_code for answer in answers) == [303, 409, 409, 409]
    assert replay.status_code == 409
    assert house.resumed == [RUN]
    with sqlite3.connect(tmp_path / "ledger.db") as journal:
        assert journal.execute("SELECT count(*) FROM journal WHERE kind = 'ask_decided'").fetchone() == (1,)
    journal.close()


async def test_a_form_is_good_for_its_own_link_and_its_own_questions(house: Standing) -> None:
    one, two = await asks(house.ledger, "main:1"), await asks(house.ledger, "main:2", digest="e" * 64)
    async with house.visitor() as anna:
        mine, other = house.link(one), house.link(two)
        _, token = form_of((await anna.get(mine)).text)
        for sent in ({"form": token}, {"form": ""}, {}, {"form": token[:-2]}):
            assert (await anna.post(other, {**sent, "q0.do": "approve"})).status_code == 403
        for token in (house.signer.form("holder", ()), house.signer.session(house.now())):
            assert (await anna.post(mine, {"form": token, "q0.do": "approve"})).status_code == 403
    assert [(await row_of(house, row)).verdict for row in (one, two)] == [None, None]


async def test_a_yes_to_another_call_than_the_one_that_waits_is_refused(house: Standing) -> None:
    row = await asks(house.ledger)
    link = house.link(replace(row, digest="e" * 64))
    async with house.visitor() as anna:
        assert (await anna.get(link)).status_code == 409
        assert (await anna.post(link, {"q0.do": "approve"})).status_code == 403
    assert (await row_of(house, row)).verdict is None


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:4301"},
        {"Origin": "https://127.0.0.1:4300"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "null", "Sec-Fetch-Site": "same-origin"},
    ],
)
async def test_a_form_from_a_page_of_another_origin_is_not_heard(house: Standing, headers: dict[str, str]) -> None:
    row = await asks(house.ledger)
    async with house.visitor() as anna:
        action, token = form_of((await anna.get(house.link(row))).text)
        assert (await anna.post(action, {"form": token, "q0.do": "approve"}, **headers)).status_code == 403
        assert (await anna.post("/login", {"password": PASSWORD}, **headers)).status_code == 403
    assert (await row_of(house, row)).verdict is None


async def test_a_form_without_any_origin_is_not_heard(house: Standing) -> None:
    row = await asks(house.ledger)
    async with house.visitor() as anna:
        action, token = form_of((await anna.get(house.link(row))).text)
        sent = f"form={quote(token)}&q0.do=approve"
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        assert (await anna.client.post(action, content=sent, headers=kind)).status_code == 403
        ok = await anna.client.post(action, content=sent, headers={**kind, "Sec-Fetch-Site": "same-origin"})
    assert ok.status_code == 303


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:4300", "localhost:4300", "127.0.0.1", "127.0.0.1:4301", ""]
)
async def test_a_name_that_is_not_ours_is_not_answered(house: Standing, host: str) -> None:
    row = await asks(house.ledger)
    async with house.visitor() as rebound:
        for path in ("/", house.link(row), "/health"):
            answer = await rebound.get(path, Host=host)
            assert (answer.status_code, "write_file" in answer.text) == (403, False)


async def test_the_public_address_is_answered_as_well_and_its_cookie_is_secure(tmp_path: Path) -> None:
    async with standing(tmp_path, public="https://midwatch.example") as house, house.visitor() as operator:
        answer = await operator.log_in()
        cookie = answer.headers["set-cookie"]
        local = await operator.get("/", Host="127.0.0.1:4300")
    assert local.status_code == 200
    assert cookie.startswith("__Host-midwatch=")
    for word in ("HttpOnly", "SameSite=strict", "Secure", "Path=/", "Max-Age=14400"):
        assert word in cookie


async def test_whoever_did_not_log_in_sees_the_login_and_nothing_else(house: Standing) -> None:
    row = await asks(house.ledger)
    path = f"/request?ask={quote(row.ask_id)}"
    token = house.signer.form("anybody", ())
    async with house.visitor() as eve:
        assert "write_file" not in (await eve.get("/")).text
        assert "write_file" not in (await eve.get(path)).text
        assert "Log in" in text_of((await eve.post(path, {"form": token, "q0.do": "approve"})).text)
        for cookie in (
            "x",
            house.signer.form("x", ()),
            house.link(row)[3:],
            Signer("k", PASSWORD).session(house.now()),
        ):
            eve.client.cookies.set("midwatch", cookie)
            page = (await eve.get(path)).text
            assert ("Log in" in text_of(page), "write_file" in page) == (True, False)
    assert (await row_of(house, row)).verdict is None


async def test_a_login_ends_with_its_time_and_with_the_button(house: Standing) -> None:
    async with house.visitor() as operator:
        await operator.log_in()
        page = (await operator.get("/")).text
        assert "Nothing waits" in page
        token = page.partition('name="form" value="')[2].partition('"')[0]
        await operator.post("/logout", {"form": "x"})
        assert "Nothing waits" in (await operator.get("/")).text
        await operator.post("/logout", {"form": token})
        assert "Log in" in (await operator.get("/")).text
        await operator.log_in()
        house.later = SESSION + timedelta(seconds=1)
        assert "Log in" in (await operator.get("/")).text


@pytest.mark.parametrize("given", ["", "midwatch", "midwatch:", ":", "not-a-real", PASSWORD.upper(), PASSWORD + "x"])
async def test_a_wrong_password_opens_nothing(house: Standing, given: str) -> None:
    async with house.visitor() as eve:
        answer = await eve.log_in(given)
    assert (answer.status_code, "set-cookie" in answer.headers) == (403, False)


async def test_the_password_is_the_whole_line_or_what_stands_behind_its_colon(house: Standing) -> None:
    for given in (PASSWORD, PASSWORD.partition(":")[2], f"  {PASSWORD}\n"):
        async with house.visitor() as operator:
            assert (await operator.log_in(given)).status_code == 303


async def test_guessing_passwords_stops_being_answered_and_links_still_work(house: Standing) -> None:
    row = await asks(house.ledger)
    async with house.visitor() as eve:
        answers = [await eve.log_in("guess") for _ in range(12)]
        assert [answer.status_code for answer in answers] == [403] * 10 + [429] * 2
        assert (await eve.log_in()).status_code == 429
        assert (await eve.get(house.link(row))).status_code == 200
        house.later = timedelta(minutes=11)
        assert (await eve.log_in()).status_code == 303


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/plain", "form=x"),
        ("application/json", "{}"),
        ("multipart/form-data; boundary=x", "--x--"),
        ("application/x-www-form-urlencoded", "a=%ff"),
        ("application/x-www-form-urlencoded", "é=1"),
        ("application/x-www-form-urlencoded", "a=1&" * 6000),
        ("application/x-www-form-urlencoded", f"a={'x' * 4_000_001}"),
    ],
)
async def test_what_is_no_form_or_too_large_a_one_is_not_read(house: Standing, kind: str, body: str) -> None:
    row = await asks(house.ledger)
    async with house.visitor() as eve:
        headers = {"Content-Type": kind, "Origin": house.url}
        assert (await eve.client.post(house.link(row), content=body.encode(), headers=headers)).status_code == 413
        assert (await eve.client.post("/login", content=b"password=" + b"x" * 5000, headers=headers)).status_code == 413


async def test_every_answer_is_sealed(house: Standing) -> None:
    row = await asks(house.ledger)
    async with house.visitor() as anna:
        answers = [await anna.get(path) for path in ("/", "/health", "/nothing", "/r/x", house.link(row))]
        answers += [await anna.get("/", Host="evil.example"), await anna.log_in("wrong")]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        for word in (
            "default-src 'none'",
            "style-src 'sha256-",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
        ):
            assert word in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "same-origin"


async def test_nobody_who_is_no_person_says_yes_by_a_link(house: Standing) -> None:
    row = await asks(house.ledger)
    for person in ("night", "agent", "Model"):
        async with house.visitor() as one:
            page = await one.send(house.link(row, person=person), q0_do="approve")
            assert "nothing was done" in text_of(page.text)
    assert (await row_of(house, row)).verdict is None


async def test_a_planted_proposal_is_told_at_once_and_no_rule_is_made_of_it(house: Standing) -> None:
    row = await asks(house.ledger, planted="it writes into another folder")
    async with house.operator() as anna:
        link = house.place(row)
        assert "another folder" not in (await anna.get(link)).text
        await anna.send(link, q0_do="always")
        assert "it writes into another folder" in text_of((await anna.get(link)).text)
    assert house.proposed == []


async def test_what_fails_inside_is_told_without_its_words(house: Standing) -> None:
    row = await asks(house.ledger)

    async def fails(_: Any) -> Any:
        raise RuntimeError("a secret of the inside")

    async with house.operator() as anna:
        object.__setattr__(house.door, "propose", fails)
        page = await anna.send(house.place(row), q0_do="always")
    assert (page.status_code, "secret" in page.text, "says what stands" in page.text) == (500, False, True)
    assert (await row_of(house, row)).verdict == "approved"
