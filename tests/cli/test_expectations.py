"""Prefect's automations follow the agents' files; one that cannot be read takes none of them away."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from cli.expectations import PREFIX, _ensure, _since
from cli.home import House
from cli.lookout_checks import KNOWN
from midwatch.agents import Agents

SINCE = {"hours": 26, "since": 1.0}


@dataclass
class Prefect:
    """As far as it is asked about automations."""

    there: list[str]
    deleted: list[str] = field(default_factory=list)

    async def read_automations(self) -> list[Any]:
        return [SimpleNamespace(id=agent, name=f"{PREFIX}{agent}") for agent in self.there]

    async def delete_automation(self, agent: str) -> None:
        self.deleted.append(agent)


async def test_what_is_expected_of_an_agent_stays_while_its_file_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "owl.yaml").write_text("limits: [")
    (tmp_path / KNOWN).write_text(json.dumps({"expectations": {"owl": SINCE, "rat": SINCE}}))
    prefect = Prefect(["owl", "rat"])
    agents = Agents(folder=tmp_path / "agents")
    done = await _ensure(cast(Any, prefect), {}, agents)
    assert prefect.deleted == ["rat"]
    assert done == ["owl is waited for as before: its file cannot be read", "nobody waits for rat any more"]
    assert _since(House(project=tmp_path, home=tmp_path), {}, agents) == {"owl": SINCE}
