"""`midwatch staged`, as far as it needs no house: what a rehearsal would have done, whole, and a person's no."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from midwatch.ask_context import AskContext, Preview
from midwatch.decision import Decision
from midwatch.ledger import Decided, Ledger, Staged

Say = Callable[..., Result]
NOW = datetime.now(UTC)


async def rehearse(url: str) -> None:
    async with Ledger.open(url) as ledger:
        await ledger.migrate()
        facts: dict[str, Any] = {"cause": "person", "slot": None, "level": 3, "asked_level": None, "input": {}}
        await ledger.start_run("run-1", agent="owl", fingerprint="f", started_at=NOW, shadow=True, **facts)
        shown = AskContext(preview=Preview(label="diff of a.txt", text="-old\n+new", form="diff"))
        for number, verdict in enumerate(("allow", "ask"), start=1):
            decision = Decision(verdict=verdict, rule=f"{verdict}.write", reason="it writes")  # type: ignore[arg-type]  # of a closed set
            call: dict[str, Any] = {"tool": "write_file", "args_json": '{"path":"a.txt\\u202e"}', "digest": "d"}
            at = f"main/gate/c{number}"
            staged = Staged(
                run_id="run-1",
                call_id=f"main/c{number}",
                position=at,
                item=None,
                bound=(),
                verdict=verdict,  # type: ignore[arg-type]  # of a closed set
                rule=decision.rule,
                reason=decision.reason,
                risk="write",
                context_json=shown.model_dump_json(),
                **call,
            )
            await ledger.stage(staged, Decided(position=at, decision=decision, **call))
        await ledger.finish_run("run-1", outcome="rehearsed", reason="staged")


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Runs one verb of `midwatch` beside a rehearsal that has ended."""
    monkeypatch.setenv("MIDWATCH_PROJECT", str(tmp_path))
    monkeypatch.setenv("MIDWATCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MIDWATCH_LEDGER_URL", raising=False)
    (tmp_path / "home").mkdir()
    asyncio.run(rehearse(f"sqlite+aiosqlite:///{tmp_path / 'home' / 'ledger.db'}"))

    def run(*words: str) -> Result:
        return CliRunner().invoke(app, [*words], env={"COLUMNS": "200"})

    return run


def test_every_call_is_shown_whole_and_letter_for_letter(say: Say) -> None:
    out = say("staged", "run").output
    assert "│ +new" in out
    assert "\u202e" not in out
    assert [out.count(word) for word in ("allow.write", "ask.write")] == [2, 2]


def test_without_a_run_it_lists_what_waits_and_so_does_the_inbox(say: Say) -> None:
    for words in (["staged"], ["inbox"]):
        assert "Rehearsed: 2 calls, not executed; `midwatch staged run-1`" in say(*words).output


def test_a_no_is_final(say: Say) -> None:
    assert say("staged", "run", "--refuse", "--only", "1", "--because", "no").exit_code == 0
    assert [one["state"] for one in json.loads(say("staged", "run", "--json").output)] == ["refused", "staged"]
    assert "is refused already" in str(say("staged", "run", "--refuse", "--only", "1", "--because", "no").exception)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--refuse", "--only", "7", "--because", "no"], "staged no call 7"),
        (["--refuse", "--approve"], "say one of"),
        (["--refuse"], "says why"),
    ],
)
def test_what_cannot_be_decided_is_said(say: Say, words: list[str], why: str) -> None:
    assert why in str(say("staged", "run", *words).exception)


def test_to_look_needs_no_prefect() -> None:
    code = "import sys, cli.staged; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
