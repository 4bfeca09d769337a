"""Row 10. 23 consecutive failures with no notice; elsewhere one failing job sent 14 notices in a night.

Here: one incident, one notice, one line in the digest, and the breaker opens.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from prefect.client.orchestration import get_client

from midwatch.attention import Person
from midwatch.digest import digest_of
from tasks.digest.facts import gather
from tasks.harness.place import Place
from tasks.notices.round import Notifier, Told
from tests.flows.breakers import FAILING, breaker, deployed, probes, run_of
from tests.flows.conftest import Night


async def test_a_job_that_fails_all_night_is_one_incident_one_notice_one_line_and_mends_itself(night: Night) -> None:
    sent: list[str] = []

    async def send(channel: str, subject: str, body: str) -> None:
        sent.append(f"{subject}\n{body}")

    async def link(*_: object) -> str:
        return "link"

    agent = night.agent("all-night", FAILING.replace("NAME", "all-night"), "done")
    told = [Told(person=Person(name="anna", agents=frozenset({agent})), channels=("hook",))]
    notifier = Notifier(ledger=night.ledger, link_to=link, send=send)
    await notifier.one_round(told)
    began = datetime.now(UTC)
    async with get_client() as client, deployed(client, agent) as deployment:
        ended = [await run_of(night, client, deployment) for _ in range(3)]
        assert {run.outcome for run in ended} == {"failed"}
        opened = await breaker(night, agent, "open", "half_open")
        assert (opened.failures, opened.paused) == (3, (str(deployment),))
        assert (await client.read_deployment(deployment)).paused
        again = await breaker(night, agent, "open", "half_open", openings=2)
        held = await run_of(night, client, deployment)
        assert (held.outcome, held.ending) == ("blocked", "held_off")
        await notifier.one_round(told)
        assert len(await probes(client, deployment)) == again.openings - (again.state == "open")
        assert len(sent) == 1
        assert "Its breaker is open" in sent[0]
        facts = await gather(
            night.ledger,
            Place(project=night.project, home=night.house.home),
            began,
            datetime.now(UTC) + timedelta(seconds=1),
            ZoneInfo("UTC"),
            answers_for=lambda name: name == agent,
        )
        (wrong,) = [section for section in digest_of(facts).sections if section.title == "Went wrong"]
        assert len(wrong.lines) == 1
        assert "its breaker is open since" in wrong.lines[0].text
        (night.project / "work" / agent).mkdir(parents=True)
        (night.project / "work" / agent / "mended.txt").touch()
        closed = await breaker(night, agent, "closed")
        assert str(closed.closed_by).startswith("run ")
        assert not (await client.read_deployment(deployment)).paused
        await notifier.one_round(told)
        assert len(sent) == 1
        assert (await run_of(night, client, deployment)).outcome == "verified"
