"""Every illegal climb, tried on real runs: nothing went unasked, nothing ended green, and `midwatch verify` names it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectHTTPStatusError
from selenium.webdriver import Chrome

from cli import keys
from cli.home import House
from midwatch.ledger import Ledger
from midwatch.outcome import GREEN
from tests.flows.browser import MISSING, RunForm, chromium
from tests.flows.climbing import ALLOWS, Climbs, Tried, agent, all_of_it, denied, over
from tests.flows.conftest import Night, deployed_like, eventually, house_of_agents
from tests.flows.scripted_model import Script

Done = TypeVar("Done")
ASKED = ("typist", "editor", "clerk", "unsigned", "machined", "unhashed")
"""Whose effects were asked about."""


@pytest.fixture(scope="module")
def agent_house(tmp_path_factory: pytest.TempPathFactory, script: Script) -> Iterator[House]:
    """A house whose ledger may be tampered with."""
    with house_of_agents(tmp_path_factory.mktemp("climbs"), script) as house:
        (house.project / "work").mkdir()
        yield house


@pytest.fixture(scope="module")
def climbs(agent_house: House, script: Script) -> Climbs:
    return asyncio.run(within(agent_house, script, all_of_it))


async def within(house: House, script: Script, what: Callable[[Night], Awaitable[Done]]) -> Done:
    async with Ledger.open(f"sqlite+aiosqlite:///{house.home / 'ledger.db'}") as ledger:
        await ledger.migrate()
        return await what(Night(house=house, script=script, _ledger=(ledger,)))


@pytest.mark.parametrize("name", [*ASKED, "titled", "editor, while it ran"])
def test_no_run_of_a_climber_is_green_and_nothing_was_done(climbs: Climbs, name: str) -> None:
    tried = climbs.tried[name]
    assert tried.run.outcome not in GREEN
    assert (tried.effects, tried.files) == ([], [])


@pytest.mark.parametrize("name", ASKED)
def test_whatever_a_climber_wants_to_do_is_asked_about(climbs: Climbs, name: str) -> None:
    tried = climbs.tried[name]
    assert (tried.run.level, tried.run.outcome) == (4 if name == "clerk" else 3, "blocked"), tried.run.reason
    assert [ask.verdict for ask in tried.asks] == ["denied"] * (2 if name == "typist" else 1)


def test_a_level_in_the_file_is_no_field_of_it(climbs: Climbs) -> None:
    assert "titled.yaml:14: level: `level` is not a field" in climbs.tried["titled"].run.reason


def test_a_file_that_is_changed_while_its_run_waits_ends_the_run_and_what_was_granted_to_it(climbs: Climbs) -> None:
    tried = climbs.tried["editor, while it ran"]
    assert (tried.run.level, tried.run.outcome) == (4, "failed")
    assert "the agent's file changed since this run began" in tried.run.reason
    assert [ask.verdict for ask in tried.asks] == ["approved"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("grant typist 5", "no rung is skipped, so grant 4 first"),
        ("promote typist --to=5", "no rung is skipped, and the next one is 4"),
        ("promote typist allow.write-file", "typist has not earned allow.write-file"),
        ("grant typist 4", "was halted by"),
        ("promote typist allow.write-file --override", "nobody is promoted meanwhile"),
    ],
)
def test_no_command_skips_a_rung_or_promotes_without_evidence_or_during_a_halt(
    climbs: Climbs, command: str, said: str
) -> None:
    code, words = climbs.said[command]
    assert code == 1
    assert said in words


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("typist", "levels grant_id {}: no entry of the journal made this row"),
        ("clerk", "class_moves move_id {}: no entry of the journal made this row"),
        ("unsigned", "grant {} puts unsigned on level 4, higher than the 3 before, by '', who is no person"),
        ("machined", "grant {} puts machined on level 4, higher than the 3 before, by 'midwatch', who is no person"),
    ],
)
def test_the_ledger_names_the_row_that_somebody_put_in(climbs: Climbs, name: str, named: str) -> None:
    assert climbs.said["verify"][0] == 4
    assert [one for one in climbs.findings if named.format(climbs.put_in[name]) in one]


def test_the_ledger_names_the_entry_without_its_hash_and_no_row_that_is_as_it_should_be(climbs: Climbs) -> None:
    assert f"The journal is broken at entry {climbs.put_in['unhashed']}" in climbs.said["verify"][1]
    named = re.findall(r"(?:grant|grant_id|move|move_id) (\d+)", "\n".join(climbs.findings))
    by_name = {number for name, number in climbs.put_in.items() if name != "unhashed"}
    assert {int(number) for number in named} == by_name


# --- in Prefect's own form, and by its API ---


@pytest.mark.browser
@pytest.mark.skipif(bool(MISSING), reason=MISSING)
async def test_a_level_that_a_person_chooses_in_prefects_form_raises_nobody(
    agent_house: House, script: Script, tmp_path: Path
) -> None:
    async def clicked(night: Night) -> Tried:
        name = agent(night, "clicker", ALLOWS)
        async with get_client() as client:
            deployment = await deployed_like(client, name)

        def click() -> list[str]:
            with chromium(tmp_path) as driver:
                return choose(driver, night.house, f"v2/deployments/deployment/{deployment}/run", "5")

        assert await asyncio.to_thread(click) == ["1", "2", "3", "4", "5"]

        async def run() -> str | None:
            return next((one.run_id for one in await night.ledger.recent_runs(name)), None)

        run_id = UUID(await eventually(run))
        await denied(night, run_id, 1)
        return await over(night, name, run_id)

    tried = await within(agent_house, script, clicked)
    assert (tried.run.asked_level, tried.run.level, tried.run.outcome) == (5, 3, "blocked")
    assert ([ask.verdict for ask in tried.asks], tried.effects, tried.files) == (["denied"], [], [])


def choose(driver: Chrome, house: House, path: str, level: str) -> list[str]:
    """What levels the form has; starts a run at one of them."""
    driver.get(house.url)
    form = RunForm(driver)
    form.log_in(keys.read(house.auth))
    driver.get(f"{house.url}/{path}")
    form.kind("int", of="level")
    found = form.choices(of="level")
    form.choose(level, of="level")
    form.submit()
    return found


async def test_a_level_that_there_is_not_starts_nothing_whether_its_schema_is_enforced_or_not(
    agent_house: House, script: Script
) -> None:
    async def posted(night: Night) -> str:
        name = agent(night, "poster", ALLOWS)
        with pytest.raises(PrefectHTTPStatusError, match="409"):
            await night.start(name, level=9)
        async with get_client() as client:
            like = await client.read_deployment_by_name("agent-run/scripted")
            wanted = {"parameters": {"agent": name, "level": 9}, "enforce_parameter_schema": False}
            made = await client.request(
                "POST", "/deployments/{id}/create_flow_run", path_params={"id": like.id}, json=wanted
            )
        run_id = UUID(made.json()["id"])
        ended = await night.until(run_id, lambda run: bool(run.state and run.state.is_final()))
        assert ended.state is not None
        assert await night.ledger.run(str(run_id)) is None
        assert night.script.count(name) == 0
        return f"{ended.state.type}: {ended.state.message}"

    assert "FAILED: Validation of flow parameters failed" in await within(agent_house, script, posted)
