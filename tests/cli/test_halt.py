"""`midwatch halt` and `resume`: with no house up, and with a ledger that cannot be reached; what was cut is said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from midwatch.errors import HouseError, LedgerError
from midwatch.halt import Halt, Target
from midwatch.ledger import Ask, Ledger
from tasks.permissions.latch import Latch

RUN = "0b5c6e7a-1111-4222-8333-944444444444"
AT = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
Say = Callable[..., Result]


@pytest.fixture
def home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COLUMNS", "250")
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    monkeypatch.setattr("cli.halt.CUT_SECONDS", 0.0)
    (home.parent / "agents").mkdir()
    for name in ("owl", "lark"):
        (home.parent / "agents" / f"{name}.yaml").touch()
    (home / "prefect").mkdir()  # a house was up here
    return home


@pytest.fixture
def say(home: Path) -> Say:  # where it speaks of
    return lambda *words: CliRunner().invoke(app, [*words], catch_exceptions=False)


def in_ledger(home: Path, work: Callable[[Ledger], Awaitable[None]]) -> None:
    async def opened() -> None:
        async with Ledger.open(f"sqlite+aiosqlite:///{home / 'ledger.db'}") as ledger:
            await work(ledger)

    asyncio.run(opened())


async def begin(ledger: Ledger, run_id: str = RUN, agent: str = "owl") -> None:
    await ledger.start_run(
        run_id,
        agent=agent,
        cause="person",
        slot=None,
        level=4,
        asked_level=None,
        input={},
        fingerprint="f",
        started_at=AT,
    )


async def reserve(ledger: Ledger, call_id: str) -> int:
    made = await ledger.reserve(
        RUN, call_id, digest="d", tool="send", args_json='{"to":"ben"}', idempotency_key=call_id
    )
    return made.effect_id


@pytest.mark.parametrize(
    ("words", "target"), [((), Target.of()), (("owl",), Target.of("owl")), (("--run", RUN), Target.of(run_id=RUN))]
)
def test_a_halt_sets_both_latches_and_resume_lifts_them(home: Path, say: Say, words: list[str], target: Target) -> None:
    halted = say("halt", *words, "--because", "it spends", "--json")
    facts = json.loads(halted.output)["halt"]
    assert (halted.exit_code, facts["by"], facts["because"]) == (0, "anna", "it spends")
    assert [one.target for one in Latch(home).standing()] == [target]

    async def is_halted(ledger: Ledger) -> None:
        assert [one.target for one in await ledger.halts_in_force()] == [target]

    in_ledger(home, is_halted)
    lifted = say("resume", *words, "--json")
    assert (lifted.exit_code, json.loads(lifted.output)["lifted"]["because"]) == (0, "it spends")
    assert Latch(home).standing() == []

    async def is_free(ledger: Ledger) -> None:
        assert await ledger.halts_in_force() == []

    in_ledger(home, is_free)


def test_a_ledger_that_cannot_be_reached_leaves_the_latch_on_disk_and_says_so(home: Path, say: Say) -> None:
    (home / "ledger.db").unlink()
    (home / "ledger.db").mkdir()
    halted = say("halt", "owl", "--because", "it spends")
    assert halted.exit_code == 3
    assert "HALTED: agent owl was halted by anna" in halted.output
    assert "the latch in the ledger could not be set" in halted.output
    assert [one.target for one in Latch(home).standing()] == [Target.of("owl")]
    with pytest.raises(LedgerError):
        say("resume", "owl")
    assert [one.target for one in Latch(home).standing()] == [Target.of("owl")]


def test_a_home_that_cannot_be_written_leaves_the_latch_in_the_ledger(home: Path, say: Say) -> None:
    in_ledger(home, lambda ledger: begin(ledger))
    (home / "halt").write_text("no folder")
    halted = say("halt", "owl", "--because", "it spends")
    assert halted.exit_code == 3
    assert "the latch on disk could not be set" in halted.output

    async def is_halted(ledger: Ledger) -> None:
        assert await ledger.halt_of("owl", RUN)

    in_ledger(home, is_halted)


def test_a_wrong_name_halts_nobody(home: Path, say: Say) -> None:
    for words in (["owll"], ["owl", "--run", RUN]):
        with pytest.raises(Exception, match=r"no such agent, so nobody was halted; there are lark, owl|not both"):
            say("halt", *words, "--because", "it spends")
    with pytest.raises(Exception, match="say why"):
        say("halt", "--because", " ")
    assert Latch(home).standing() == []


def test_a_home_in_which_no_house_ever_was_halts_nobody_and_is_named(
    home: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = home.parent / "elsewhere"
    monkeypatch.setenv("MIDWATCH_HOME", str(elsewhere))
    with pytest.raises(HouseError, match=f"nobody was halted: no house was ever up in {elsewhere}"):
        say("halt", "--because", "it spends")
    assert not elsewhere.exists()
    monkeypatch.setenv("MIDWATCH_LEDGER_URL", f"sqlite+aiosqlite:///{home / 'ledger.db'}")  # of other machines, too
    assert say("halt", "--because", "it spends").exit_code == 0


def test_it_says_where_it_halts(home: Path, say: Say) -> None:
    assert f"That holds in {home}." in say("halt", "--because", "it spends").output
    assert json.loads(say("halt", "--because", "it spends", "--json").output)["home"] == str(home)


def test_resume_says_which_run_was_cut_where(home: Path, say: Say) -> None:
    async def under_way(ledger: Ledger) -> None:
        await begin(ledger)
        await ledger.record_step(RUN, "main/2", kind="model", name="m")
        await reserve(ledger, "main/a")

    async def ended(ledger: Ledger) -> None:
        await ledger.finish_run(RUN, outcome="blocked", reason="halted")

    in_ledger(home, under_way)
    assert say("halt", "owl", "--because", "it spends").exit_code == 0
    in_ledger(home, ended)
    (one,) = json.loads(say("resume", "owl", "--json").output)["runs"]
    assert (one["run_id"], one["outcome"], one["step"]) == (RUN, "unknown", "main/2")
    assert [(row["tool"], row["state"]) for row in one["effects"]] == [("send", "unknown")]


def test_the_table_shows_run_step_effect_and_its_state(home: Path, say: Say) -> None:
    async def under_way(ledger: Ledger) -> None:
        await begin(ledger)
        await begin(ledger, "other", "lark")
        await ledger.record_step(RUN, "main/2", kind="model", name="m")
        await reserve(ledger, "main/a")

    in_ledger(home, under_way)
    shown = say("halt", "owl", "--because", "it spends").output
    (row,) = [" ".join(line.split()) for line in shown.split("\n") if "44444444 " in line]
    assert row == '44444444 owl main/2 send {"to":"ben"} begun, its end not seen yet has not ended yet'


def test_a_run_that_waits_for_a_person_stays_suspended(home: Path, say: Say) -> None:
    async def waits(ledger: Ledger) -> None:
        await begin(ledger)
        said = {"tool": "t", "args_json": "{}", "digest": "d", "rule": "r", "reason": "", "words": ""}
        await ledger.open_ask(
            Ask(ask_id="a", run_id=RUN, call_id="c", kind="approve", created_at=AT, deadline=None, **said)
        )

    in_ledger(home, waits)
    assert "suspended, 1 question waits" in say("halt", "--because", "it spends").output


def test_another_halt_that_still_covers_it_is_named(say: Say) -> None:
    say("halt", "--because", "all of it")
    say("halt", "owl", "--because", "it spends")
    lifted = say("resume", "owl")
    assert lifted.exit_code == 3
    assert "Lifted: agent owl was halted by anna" in lifted.output
    assert "Still halted: everything was halted by anna" in lifted.output
    assert say("resume").exit_code == 0
    assert "There was no halt of everything." in say("resume").output


def test_a_latch_that_somebody_touched_is_lifted_like_any_other(home: Path, say: Say) -> None:
    (home / "halt").mkdir(parents=True)
    (home / "halt" / "all").touch()
    assert "cannot be read" in say("resume").output
    assert Latch(home).standing() == []


def test_a_part_of_a_run_s_id_is_enough_where_the_ledger_answers(home: Path, say: Say) -> None:
    in_ledger(home, begin)
    say("halt", "--run", "0b5c", "--because", "it spends")
    assert [one.target for one in Latch(home).standing()] == [Target.of(run_id=RUN)]


def test_whoever_looks_is_told_of_a_halt(home: Path, say: Say) -> None:
    in_ledger(home, begin)
    say("halt", "owl", "--because", "it spends")
    for words in (["status"], ["runs"], ["inbox"]):
        assert "HALTED: agent owl was halted by anna (cli)" in say(*words).output
    assert len(json.loads(say("status", "--json").output)["halts"]) == 1


def test_a_halt_that_only_one_latch_knows_is_told_too(home: Path, say: Say) -> None:
    async def in_one(ledger: Ledger) -> None:
        await ledger.halt(Target.of("owl"), by="ben", via="page", because="there")

    in_ledger(home, in_one)
    Latch(home).set(Halt(scope="agent", name="lark", by="ben", via="page", because="here", at=AT))
    lines = json.loads(say("status", "--json").output)["halts"]
    assert ["owl" in lines[1], "lark" in lines[0]] == [True, True]
