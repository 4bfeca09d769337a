"""A round of the notifier: the real ledger, the real blocks of Prefect, servers on 127.0.0.1; the clock stands still."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock

from blocks import Mail
from midwatch.attention import Person, QuietHours, Situation
from midwatch.breaker import Row
from midwatch.ledger import Ask, Ledger
from midwatch.severity import Severity
from tasks.notices import sending
from tasks.notices.round import Notifier, Told
from tests.tasks.notices.loopback import MailServer, Webhook, listening

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""Apprise imports every service that it knows, one of them a library that does."""

NIGHT = datetime(2026, 3, 1, 1, 0, tzinfo=UTC)
MORNING = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
QUIET = QuietHours(start=time(22), until=time(7))


@dataclass
class House:
    """A ledger, two channels, and whatever was sent."""

    ledger: Ledger
    mail: MailServer
    hook: Webhook
    now: datetime = MORNING
    everybody: list[Told] = field(default_factory=list)
    notifier: Notifier = field(init=False)

    def __post_init__(self) -> None:
        self.notifier = self.another()

    def another(self) -> Notifier:
        return Notifier(ledger=self.ledger, link_to=self.link, send=self.send, clock=lambda: self.now)

    async def link(self, situation: Situation, person: str) -> str:
        return f"link:{situation.subjects[0].run_id} for {person}"

    async def send(self, channel: str, subject: str, body: str) -> None:
        """Blocks as they would be loaded."""
        mail = Mail(
            server="127.0.0.1",
            port=self.mail.port,
            security="insecure",
            sender="watch@example.org",
            recipients=["anna@example.org"],
        )
        hook = CustomWebhookNotificationBlock(
            name="pager", url=self.hook.url, json_data={"title": "{{subject}}", "text": "{{body}}"}
        )
        block: Mail | CustomWebhookNotificationBlock = mail if channel == "mail" else hook
        with block.raise_on_failure():
            await block.anotify(body, subject)

    def people(self, *names: str, channels: tuple[str, ...] = ("hook",), **facts: Any) -> None:
        persons = [Person(name=name, quiet=QUIET, a_day=3, **facts) for name in names]
        self.everybody = [Told(person=person, channels=channels) for person in persons]

    async def round(self) -> list[str]:
        return await self.notifier.one_round(self.everybody)

    @property
    def titles(self) -> list[str]:
        return [body["title"] for body in self.hook.bodies]

    async def start(self, run: str, agent: str = "night", **facts: Any) -> None:
        given: dict[str, Any] = {
            "cause": "schedule",
            "slot": None,
            "level": 3,
            "asked_level": None,
            "input": {},
            "fingerprint": "f",
        }
        await self.ledger.start_run(run, agent=agent, started_at=self.now, **{**given, **facts})

    async def ended(self, run: str, outcome: str, agent: str = "night", **facts: Any) -> None:
        await self.start(run, agent, **facts)
        await self.ledger.finish_run(run, outcome=outcome, reason="")  # type: ignore[arg-type]  # of a table

    async def asks(self, run: str, number: int = 1, *, risk: str = "write", then: str = "deny", **facts: Any) -> str:
        await self.start(run)
        asked: dict[str, Any] = {
            "tool": "pay",
            "kind": "approve",
            "rule": "ask.pay",
            "reason": "",
            "words": "IGNORE ALL THIS",
            "created_at": self.now,
            "deadline": self.now + timedelta(hours=8),
            "args_json": "{}",
            **facts,
        }
        ask_id = f"{run}:{number}"
        context = json.dumps({"risk": risk, "then": then})
        ask = Ask(ask_id=ask_id, run_id=run, call_id=f"main/{number}", digest="d", context_json=context, **asked)
        await self.ledger.open_ask(ask)
        return ask_id

    async def held(self) -> frozenset[str]:
        return await self.ledger.held_back(await self.ledger.open_asks(), self.now)


@pytest.fixture
async def house(ledger_url: str) -> AsyncIterator[House]:
    mail, hook = MailServer(), Webhook()
    now = [lambda: MORNING]
    async with (
        Ledger.open(ledger_url, clock=lambda: now[0]()) as ledger,
        listening(mail),
        listening(hook),
    ):
        house = House(ledger=ledger, mail=mail, hook=hook)
        now[0] = lambda: house.now
        house.people("anna")
        await house.round()
        yield house


async def test_a_house_without_persons_sends_nothing_and_holds_nothing_back(house: House) -> None:
    house.everybody = []
    await house.asks("r1")
    assert await house.round() == []
    assert (house.hook.bodies, await house.held(), await house.ledger.open_notices()) == ([], frozenset(), [])


async def test_an_ask_by_day_is_told_at_once_and_once(house: House) -> None:
    await house.asks("r1", deadline=MORNING + timedelta(hours=2))
    assert await house.held() == {"r1:1"}
    assert await house.round() == [
        "told anna by hook: night needs a decision: 1 request waits (attention, until 2026-03-01 10:00)"
    ]
    for _ in range(3):
        house.now += timedelta(hours=1)
        assert await house.round() == []
    (body,) = house.hook.bodies
    assert "link:r1 for anna" in body["text"]
    assert "midwatch show r1" in body["text"]
    assert "IGNORE" not in json.dumps(body)
    assert await house.held() == frozenset()


async def test_what_is_asked_in_the_night_is_one_notice_in_the_morning(house: House) -> None:
    house.now = NIGHT
    for number in range(5):
        await house.asks(f"r{number}", risk="execute")
        assert await house.round() == []
    assert len(await house.held()) == 5
    house.now = MORNING
    await house.round()
    assert house.titles == ["night needs a decision: 5 requests wait (urgent, until 2026-03-01 09:00)"]
    assert await house.held() == frozenset()


async def test_fourteen_failures_of_one_agent_are_one_interruption(house: House) -> None:
    for number in range(14):
        house.now += timedelta(minutes=5)
        await house.ended(f"r{number}", "failed")
        await house.round()
    assert house.titles == ["night ended failed (attention)"]
    (row,) = await house.ledger.open_notices()
    assert row.times == 14


@pytest.mark.parametrize("facts", [{"cause": "person"}, {"fingerprint": "f2"}, {}])
async def test_a_run_that_ends_well_closes_the_failure_and_the_next_is_a_new_one(
    house: House, facts: dict[str, str]
) -> None:
    for run, outcome, more in (("r1", "failed", {}), ("r2", "verified", facts), ("r3", "failed", {})):
        house.now += timedelta(minutes=5)
        await house.ended(run, outcome, **more)
        await house.round()
    assert len(house.hook.bodies) == 2
    (first, _) = await house.ledger.notices_since(MORNING)
    assert (first.closed_by, first.acted) == ("run r2", int(bool(facts)))


async def test_one_that_a_person_refused_is_not_reported_back_to_them(house: House) -> None:
    await house.asks("r1")
    await house.round()
    await house.ledger.decide_ask("r1:1", "denied", by="anna", via="cli", digest_seen="d")
    await house.ledger.finish_run("r1", outcome="blocked", reason="")
    await house.round()
    assert len(house.hook.bodies) == 1
    assert [(one.topic, one.severity, one.verdict) for one in await house.ledger.open_notices()] == [
        ("endings", "routine", "later")
    ]


@pytest.mark.parametrize(("risk", "told"), [("money", True), ("egress", True), ("write", False), ("", True)])
async def test_an_effect_whose_end_nobody_saw_wakes_by_what_its_tool_can_do(
    house: House, risk: str, told: bool
) -> None:
    house.now = NIGHT
    await house.asks("r1", risk=risk)
    await house.ledger.decide_ask("r1:1", "approved", by="anna", via="cli", digest_seen="d")
    effect = await house.ledger.reserve(
        "r1", "main/1", ask_id="r1:1", digest="d", tool="pay", args_json="{}", idempotency_key="k"
    )
    await house.ledger.mark_unknown(effect.effect_id, "the line broke")
    await house.ledger.finish_run("r1", outcome="unknown", reason="")
    await house.round()
    title = "night cannot tell whether 1 effect has happened: look, and say so (emergency)"
    assert house.titles == ([title] if told else [])


async def test_a_parked_run_is_routine_until_it_needs_a_key(house: House) -> None:
    again = json.dumps({"tries_again_at": (MORNING + timedelta(minutes=5)).isoformat()})
    key = json.dumps({"tries_again_at": "when you say so"})
    for run, arguments in (("r1", again), ("r2", key)):
        await house.asks(run, kind="park", rule="park", tool="model", args_json=arguments)
    await house.round()
    assert house.titles == ["night needs a decision: 1 request waits (urgent, until 2026-03-01 16:00)"]


async def test_a_budget_that_is_spent_holds_back_all_but_emergencies(house: House) -> None:
    for number in range(5):
        await house.ended(f"r{number}", "failed", agent=f"agent-{number}")
        await house.round()
    assert len(house.hook.bodies) == 3
    why = {one.why for one in await house.ledger.open_notices() if one.sent_at is None}
    assert why == {"3 interruptions today, of 3"}
    house.now += timedelta(days=1)
    await house.round()
    assert len(house.hook.bodies) == 5


async def test_an_ask_that_runs_out_in_the_night_expires_and_says_so(house: House) -> None:
    house.now = NIGHT
    await house.asks("r1", risk="money", deadline=NIGHT + timedelta(hours=1))
    await house.round()
    house.now += timedelta(hours=1)
    await house.ledger.decide_ask("r1:1", "expired", by="nobody", via="keeper")
    await house.round()
    assert house.hook.bodies == []
    (row,) = await house.ledger.notices_since(NIGHT)
    assert (row.sent_at, row.closed_by, row.why) == (None, "nobody", "quiet hours until 07:00")


async def test_one_that_would_end_its_run_in_the_night_wakes(house: House) -> None:
    house.now = NIGHT
    await house.asks("r1", risk="money", then="end", deadline=NIGHT + timedelta(hours=1))
    await house.round()
    assert house.titles == ["night needs a decision: 1 request waits (urgent, until 2026-03-01 02:00)"]


async def test_a_channel_that_fails_is_reported_and_the_next_one_is_tried(house: House) -> None:
    house.people("anna", channels=("hook", "mail"))
    house.hook.status = 503
    await house.asks("r1")
    fault, told = await house.round()
    assert fault.endswith("to anna: hook: HTTP 503")
    assert told.startswith("told anna by mail: night needs a decision")
    (mail,) = house.mail.mails
    assert mail["Subject"] == "night needs a decision: 1 request waits (attention, until 2026-03-01 16:00)"
    assert "link:r1" in mail.get_content()


async def test_a_notice_that_no_channel_takes_is_tried_again_and_stays_on_file(house: House) -> None:
    house.hook.status, house.mail.refuses = 500, True
    house.people("anna", channels=("hook", "mail"))
    await house.asks("r1")
    assert len(await house.round()) == 2
    assert await house.round() == []
    (row,) = await house.ledger.open_notices()
    assert "hook: HTTP 500; mail: NotificationError" in row.fault
    house.hook.status = 200
    house.now += timedelta(minutes=2)
    await house.round()
    (row,) = await house.ledger.open_notices()
    assert (len(house.hook.bodies), row.fault, row.channel) == (1, "", "hook")


async def test_a_mail_server_that_hangs_does_not_hold_up_the_next_channel(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "CHANNEL_SECONDS", 0.2)
    took: list[str] = []

    async def send(channel: str, _subject: str, _body: str) -> None:
        if channel == "mute":
            await asyncio.Event().wait()
        took.append(channel)

    house.notifier.send = send
    house.people("anna", channels=("mute", "good"))
    await house.asks("r1")
    fault, told = await house.round()
    assert fault.endswith("mute: no answer in time")
    assert (told.partition(":")[0], took) == ("told anna by good", ["good"])


async def test_two_notifiers_at_once_send_it_once(house: House) -> None:
    other = house.another()
    await house.asks("r1")
    await asyncio.gather(*(one.one_round(house.everybody) for one in (house.notifier, other) * 3))
    assert len(house.hook.bodies) == 1


async def test_one_that_died_while_it_sent_is_followed_by_one_that_sends_again(house: House) -> None:
    async def dies(*_: str) -> None:
        raise asyncio.CancelledError

    await house.asks("r1")
    house.notifier.send = dies
    with pytest.raises(asyncio.CancelledError):
        await house.round()
    house.notifier = house.another()
    assert await house.round() == []
    house.now += timedelta(minutes=2)
    await house.round()
    assert len(house.hook.bodies) == 1


async def test_everybody_who_answers_for_an_agent_is_told_and_nobody_else(house: House) -> None:
    house.people("anna", "ben")
    house.everybody.append(Told(person=Person(name="eve", agents=frozenset({"day"})), channels=("hook",)))
    await house.asks("r1")
    assert {line.split()[1] for line in await house.round()} == {"anna", "ben"}


async def test_somebody_without_channels_keeps_slack_and_the_inbox_quiet_until_it_is_time(house: House) -> None:
    house.people("anna", channels=())
    house.now = NIGHT
    await house.asks("r1")
    await house.round()
    assert await house.held() == {"r1:1"}
    house.now = MORNING
    await house.round()
    assert await house.held() == frozenset()


async def test_a_new_person_is_not_told_of_what_failed_before(house: House) -> None:
    await house.ended("r1", "failed")
    house.now += timedelta(minutes=5)
    house.people("ben")
    await house.round()
    assert house.hook.bodies == []


async def test_who_leaves_takes_their_notices_along(house: House) -> None:
    house.now = NIGHT
    await house.asks("r1")
    await house.round()
    house.people("ben", channels=())
    await house.round()
    assert {(one.person, one.closed_by) for one in await house.ledger.notices_since(NIGHT)} == {
        ("anna", "nobody"),
        ("ben", None),
    }


@pytest.mark.parametrize(("kind", "severity"), [("answer", "attention"), ("approve", "urgent")])
async def test_what_is_asked_has_the_severity_of_its_kind(house: House, kind: str, severity: Severity) -> None:
    await house.asks("r1", kind=kind, risk="")
    await house.round()
    (row,) = await house.ledger.open_notices()
    assert row.severity == severity


async def test_what_a_breaker_holds_off_is_no_news_and_the_notice_of_the_failure_says_what_is_done(
    house: House,
) -> None:
    house.now = MORNING + timedelta(hours=17)
    for number in range(3):
        await house.ended(f"r{number}", "failed")
    why = Row(cause="failed: ", failures=3)
    await house.ledger.open_breaker("night", why, last_run="r2", probe_at=MORNING + timedelta(hours=25))
    await house.start("r3")
    await house.ledger.finish_run("r3", outcome="blocked", reason="its breaker is open", ending="held_off")
    await house.round()
    house.now = MORNING + timedelta(hours=24)
    await house.round()
    (body,) = house.hook.bodies
    assert body["title"].startswith("night did not end well 3 times")
    assert "Its breaker is open: no other run of it begins, and one run is tried at 2026-03-02 09:00" in body["text"]


async def test_an_alarm_is_told_once_and_closed_when_it_is_over(house: House) -> None:
    what = "has had no verified run within 24 h, as its file expects"
    await house.ledger.raise_alarm("silence:night", agent="night", severity="urgent", what=what)
    for _ in range(3):
        await house.round()
        house.now += timedelta(minutes=1)
    (body,) = house.hook.bodies
    assert body["title"] == f"night {what} (urgent)"
    assert "midwatch lookout" in body["text"]
    await house.ledger.end_alarm("silence:night", "it is back")
    await house.round()
    assert await house.ledger.open_notices() == []
