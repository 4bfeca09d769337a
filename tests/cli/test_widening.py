"""What a yes brings besides, worked out by real processes from a real agent's file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli import widening
from cli.home import House
from cli.proposals import saved
from cli.widening import offered, proposed
from midwatch.errors import HouseError, LedgerError
from midwatch.ledger import AskRow, Ledger
from midwatch.policy.offers import Bounds
from tasks.permissions.answers import decide
from tasks.permissions.form import Answer
from tests.tasks.slack.waiting import asks, open_ledger_of

AGENT = """\
name: night
description: Looks after a repository.
instructions: Look after it.
tools:
  - shell: {root: repo}
  - write_file: {root: repo}
rules:
  ask:
    - shell: git push ...
      why: others pull from it
ceiling: 4
"""


@pytest.fixture
def project(home: Path) -> Path:
    home.chmod(0o700)
    for name in ("agents", "repo"):
        (home.parent / name).mkdir(mode=0o700)
    (home.parent / "agents" / "night.yaml").write_text(AGENT)
    return home.parent


async def push(ledger: Ledger, ask_id: str, branch: str) -> AskRow:
    return await asks(ledger, ask_id, tool="shell", arguments={"command": f"git push origin {branch}"})


async def test_a_mandate_is_as_wide_as_the_call_and_a_rule_is_written_down(project: Path) -> None:
    until = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=0)
    async with open_ledger_of(project / "home") as ledger:
        good, bad = await push(ledger, "main:1", "main"), await push(ledger, "main:2", "$BRANCH")
        offer = await offered(good, Bounds(uses=5, until=until))
        with pytest.raises(LedgerError, match="no mandate can be made of it"):
            await offered(bad, Bounds(uses=5, until=until))
        file = await asks(ledger, "main:3")
        for row in (good, file):
            yes = Answer(ask_id=row.ask_id, verdict="approved")
            await decide(ledger, row, yes, by="slack:U1ANNA anna", via="slack")
        (told,) = await proposed([await ledger.ask(file.ask_id)])
        signed = await ledger.grant_mandate(
            offer.terms, by="slack:U1ANNA anna", via="slack", because="nightly", ask_id=good.ask_id
        )
    assert (signed.rules, signed.uses, signed.until) == (({"shell": "git push origin main"},), 5, until)
    assert any("git push origin main" in words for words in offer.words)
    assert "write_file: a rule is proposed as" in told
    assert "nothing changes by itself" in told.lower()
    (one,) = saved(House(project=project, home=project / "home"))
    assert (one.agent, one.id in told) == ("night", True)


async def test_what_takes_too_long_or_fails_is_said(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_ledger_of(project / "home") as ledger:
        row = await push(ledger, "main:1", "main")
        bounds = Bounds(uses=5, until=datetime.now(UTC) + timedelta(days=2))
        monkeypatch.setattr(widening, "SECONDS", 0.0)
        with pytest.raises(HouseError, match="could not be worked out within"):
            await offered(row, bounds)
        monkeypatch.setattr(widening, "SECONDS", 120.0)
        monkeypatch.setattr("sys.executable", "/bin/false")
        (told,) = await proposed([row])
    assert told.startswith("No rule is proposed: it could not be worked out")
