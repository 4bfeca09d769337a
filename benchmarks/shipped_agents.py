"""How often do the shipped agents end verified, and how long do they take? N real runs of each, with the model they choose.

    python benchmarks/shipped_agents.py --runs 10 [--agent machine-report] [--messages 40]

Each run is a flow run in a house of its own, with everything that a person's has. Where the agent asks, the answer is yes.
Writes benchmarks/results/shipped_agents.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cli import deployments, occupancy
from cli.environment import adopt
from cli.home import locate
from cli.ports import first_free
from midwatch.ledger import Ledger

REPOSITORY = Path(__file__).parent.parent
AGENTS = ("machine-report", "inbox-triage")


@dataclass(frozen=True, kw_only=True)
class Measured:
    agent: str
    outcome: str
    reason: str
    minutes: float
    """From start to end, a person's answer taken as immediate."""
    minutes_at_work: float
    steps: int
    tokens: int
    asked: int
    labels_right: int | None
    """inbox-triage: messages that lie under the label that a person gave them."""
    messages: int | None


def project_in(folder: Path) -> Path:
    """A project with the shipped agents and flows, in which nothing of the repository is written."""
    project = folder / "project"
    project.mkdir()
    for name in ("flows", "agents", "examples"):
        (project / name).symlink_to(REPOSITORY / name)
    shutil.copyfile(REPOSITORY / "prefect.yaml", project / "prefect.yaml")
    return project


async def one_run(agent: str, project: Path, ledger: Ledger, messages: int) -> Measured:
    from prefect.client.orchestration import get_client
    from prefect.deployments.flow_runs import arun_deployment

    if agent == "inbox-triage":
        lay_out_mail(project, messages)
    began = time.monotonic()
    run = await arun_deployment(f"agent-run/{agent}", timeout=0, as_subflow=False, parameters={"agent": agent})
    async with get_client() as client:
        while True:
            now = await client.read_flow_run(run.id)
            assert now.state is not None
            if now.state.is_paused():
                await say_yes(ledger, str(run.id), client)
            elif now.state.is_final() and not now.state.is_crashed():
                break
            await asyncio.sleep(1)
    row, spent = await ledger.run(str(run.id)), await ledger.spent_by(str(run.id))
    assert row is not None
    right = labels_right(project) if agent == "inbox-triage" else None
    return Measured(
        agent=agent,
        outcome=row.outcome or "none",
        reason=row.reason,
        minutes=(time.monotonic() - began) / 60,
        minutes_at_work=spent.minutes,
        steps=spent.steps,
        tokens=spent.tokens,
        asked=len(await ledger.asks_of(str(run.id))),
        labels_right=right,
        messages=messages if right is not None else None,
    )


async def say_yes(ledger: Ledger, run_id: str, client: Any) -> None:
    from tasks.permissions.answers import decide, resume_if_decided
    from tasks.permissions.form import Answer

    for row in await ledger.asks_of(run_id):
        if row.verdict is None:
            said: dict[str, Any] = (
                {"verdict": "answered", "answer": "yes"} if row.kind == "answer" else {"verdict": "approved"}
            )
            await decide(ledger, row, Answer(ask_id=row.ask_id, **said), by="benchmark", via="cli")
    await resume_if_decided(client, ledger, run_id)


def lay_out_mail(project: Path, messages: int) -> None:
    from agents.inbox_triage.sample import lay_out

    shutil.rmtree(project / "mail", ignore_errors=True)
    lay_out(project, at_most=messages)


def labels_right(project: Path) -> int:
    truth = json.loads((REPOSITORY / "examples" / "inbox-labels.json").read_text())
    lie = {path.name: path.parent.name for path in (project / "mail").glob("*/*.eml")}
    return sum(lie.get(name) in {wanted["label"], *wanted["either"]} for name, wanted in truth.items() if name in lie)


async def measure(agents: Sequence[str], runs: int, messages: int, project: Path, home: Path) -> list[Measured]:
    measured: list[Measured] = []
    async with Ledger.open(f"sqlite+aiosqlite:///{home / 'ledger.db'}") as ledger:
        await ledger.migrate()
        for agent in agents:
            until = datetime.now(UTC) + timedelta(days=1)
            await ledger.grant_level(agent, 4, by="benchmark", because="measuring", until=until)
            for number in range(1, runs + 1):
                measured.append(await one_run(agent, project, ledger, messages))
                last = measured[-1]
                print(
                    f"{agent} {number}/{runs}: {last.outcome}, {last.minutes:.1f} min, {last.steps} steps, "
                    f"asked {last.asked}, labels {last.labels_right}: {last.reason[:160]}",
                    flush=True,
                )
                keep(measured)
    return measured


def keep(measured: Sequence[Measured]) -> None:
    target = REPOSITORY / "benchmarks" / "results" / "shipped_agents.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps([asdict(one) for one in measured], indent=1) + "\n")


def table_of(measured: Sequence[Measured]) -> Table:
    table = Table("agent", "runs", "outcomes", "minutes (median)", "steps", "asks", "labels right")
    for agent in dict.fromkeys(one.agent for one in measured):
        mine = [one for one in measured if one.agent == agent]
        outcomes = ", ".join(f"{count} {name}" for name, count in Counter(one.outcome for one in mine).most_common())
        rights = [f"{one.labels_right}/{one.messages}" for one in mine if one.labels_right is not None]
        minutes = sorted(one.minutes for one in mine)[len(mine) // 2]
        table.add_row(
            agent,
            str(len(mine)),
            outcomes,
            f"{minutes:.1f}",
            f"{sum(one.steps for one in mine) / len(mine):.0f}",
            f"{sum(one.asked for one in mine) / len(mine):.0f}",
            ", ".join(dict.fromkeys(rights)),
        )
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--messages", type=int, default=40)
    parser.add_argument("--agent", action="append", choices=AGENTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="midwatch-bench-") as folder:
        project = project_in(Path(folder))
        os.environ |= {"MIDWATCH_PROJECT": str(project), "MIDWATCH_HOME": str(project / ".midwatch")}
        with occupancy.start(locate(os.environ), port=first_free(range(14400, 14500)), leashed=True):
            house = locate(os.environ)
            adopt(house)
            deployments.ensure(house, print)
            measured = asyncio.run(
                measure(options.agent or AGENTS, options.runs, options.messages, project, house.home)
            )
            occupancy.stop(house)
    Console().print(table_of(measured))


if __name__ == "__main__":
    main()
