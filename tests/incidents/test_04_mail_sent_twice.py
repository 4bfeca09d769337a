"""Row 4. The same e-mail went out twice within eight seconds, because a turn was retried after the send.

Here: one effect in the world, whatever is retried or killed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from tests.flows import processes
from tests.flows.conftest import Night
from tests.flows.processes import there
from tests.flows.scripted_model import CutOff, Hold, Status, call
from tests.tasks.notices.loopback import MailServer, listening

MAILER = """
patience: {attempts: 4, wait_seconds: 60, answer_seconds: 20}
tools:
  - python: tests.incidents.world:send_mail
rules: {allow: [send_mail]}
ceiling: 4
contract:
  done_when:
    - effects: {tool: send_mail, equals: 1}
"""


@pytest.fixture
async def mails() -> AsyncIterator[MailServer]:
    server = MailServer()
    async with listening(server):
        yield server


async def started(night: Night, mails: MailServer, name: str, hold: str) -> UUID:
    folder = night.project / "work" / name
    folder.mkdir(parents=True)
    (folder / "port").write_text(str(mails.port))
    night.agent(name, MAILER, call("send_mail", to="anna@example.org", text="Hello", hold=hold), "sent")
    await night.ledger.grant_level(name, 4, by="test", because="a test")
    return await night.start(name)


async def test_a_turn_that_is_retried_after_the_send_sends_nothing_again(night: Night, mails: MailServer) -> None:
    name = "mailer-retried"
    night.script.faults[name] = {1: [CutOff(), Status(status=503)]}
    row = await night.ended(await started(night, mails, name, "nowhere"))
    assert row.outcome == "verified", row.reason
    assert night.script.count(name) == 4
    assert len(mails.mails) == 1


async def test_a_run_that_is_killed_after_the_send_sends_nothing_again(night: Night, mails: MailServer) -> None:
    name = "mailer-killed"
    hold = night.script.holds[name] = Hold(turn=1)
    run_id = await started(night, mails, name, "nowhere")
    await there(hold.reached.is_set)
    await processes.killed(night.house, run_id)
    hold.go.set()
    row = await night.ended(run_id)
    assert row.outcome == "verified", row.reason
    assert len(mails.mails) == 1


async def test_killed_between_the_send_and_its_record_it_asks_and_does_not_send_again(
    night: Night, mails: MailServer
) -> None:
    name = "mailer-in-doubt"
    run_id = await started(night, mails, name, "after")
    await there((night.project / "work" / name / "at-after").exists)
    await processes.killed(night.house, run_id)
    (night.project / "work" / name / "go").touch()
    row = await night.ended(run_id)
    assert row.outcome == "unknown", row.reason
    (ask,) = await night.ledger.asks_of(str(run_id))
    assert (ask.kind, ask.tool) == ("settle", "send_mail")
    assert len(mails.mails) == 1
