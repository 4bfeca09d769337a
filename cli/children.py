"""The house: what runs in it? Data; the supervisor knows nothing of Prefect."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cli.environment import child_environment, inherited, server_environment
from cli.home import ADDRESS, POOL, House

FROM_OUTSIDE: Final = re.compile(r"^triggers:.*\b(webhooks|files|after):", re.MULTILINE | re.DOTALL)
"""Read as text: the supervisor has to start whatever an agent's file looks like."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    before: tuple[str, ...] = ()
    """A command that must succeed each time before the child starts."""
    after: tuple[str, ...] = ()
    """A command run when the child was stopped on purpose."""
    health: str = ""
    """A URL that answers 200 when the child is ready; without one it is ready when it runs."""
    grace: float = 10.0
    """Seconds between SIGTERM and SIGKILL."""


def household(house: House, environ: Mapping[str, str] = os.environ) -> tuple[Child, ...]:
    """In the order in which they start; they are stopped in the opposite order."""
    ours = {**inherited(environ), **child_environment(house)}
    settle = (sys.executable, "-m", "cli.settle")
    server = Child(
        name="server",
        argv=(
            *(sys.executable, "-m", "cli.prefect_server", "server", "start"),
            *("--host", ADDRESS, "--port", str(house.port)),
        ),
        environment={**ours, **server_environment(house)},
        health=f"{house.url}/api/health",
    )
    keeper = Child(name="keeper", argv=(sys.executable, "-m", "cli.keeper"), environment=ours)
    notifier = Child(name="notifier", argv=(sys.executable, "-m", "cli.notifier"), environment=ours)
    warm = Child(name="warm", argv=(sys.executable, "-m", "cli.warm"), environment=ours)
    worker = Child(
        name="worker",
        argv=(
            *_prefect("worker", "start", "--pool", POOL, "--type", "process", "--name", "house"),
            *("--install-policy", "never", "--no-create-pool-if-not-found"),
        ),
        environment=ours,
        before=settle,
        after=settle,
    )
    page = Child(name="page", argv=(sys.executable, "-m", "cli.page"), environment=ours)
    lookout = Child(name="lookout", argv=(sys.executable, "-m", "cli.lookout_watch"), environment=ours)
    return (server, keeper, notifier, warm, worker, page, lookout, *_receiver(house, ours), *_slack(ours))


def _receiver(house: House, ours: Mapping[str, str]) -> tuple[Child, ...]:
    """Where an agent's file speaks of a trigger from outside."""
    if not from_outside(house):
        return ()
    # It tries again by itself, and sooner than Prefect's client would.
    environment = {**ours, "PREFECT_CLIENT_MAX_RETRIES": "2"}
    return (Child(name="receiver", argv=(sys.executable, "-m", "cli.receiver"), environment=environment),)


def from_outside(house: House) -> bool:
    """Whether an agent's file speaks of a trigger from outside. A word that only looks like one costs an idle process."""
    return any(map(_speaks_of_outside, (house.project / "agents").glob("*.yaml")))


def _speaks_of_outside(agent: Path) -> bool:
    try:
        return FROM_OUTSIDE.search(agent.read_text(errors="replace")) is not None
    except OSError:
        return False


def _slack(ours: Mapping[str, str]) -> tuple[Child, ...]:
    """The door in Slack, where MIDWATCH_SLACK names its block."""
    name = ours.get("MIDWATCH_SLACK")
    argv = (sys.executable, "-m", "cli.slack_door", name or "")
    return (Child(name="slack", argv=argv, environment=ours),) if name else ()


def _prefect(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "prefect", *words)
