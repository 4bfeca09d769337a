"""A rehearsal in a real house: nothing happens by night, and in the morning exactly what a person says yes to, once."""

from __future__ import annotations

import json
from pathlib import Path

from midwatch.run_ids import short
from tests.flows.conftest import Night
from tests.flows.scripted_model import call
from tests.flows.test_command_line import midwatch

WRITER = """
tools:
  - write_file: {root: work}
rules:
  allow: [{write_file: allowed.txt}]
  ask: [{write_file: asked.txt}]
  deny: [{write_file: "secret/**"}]
ceiling: 4
contract:
  done_when:
    - file: {path: work/allowed.txt, contains: [hello], newer_than_start: true}
"""


async def test_what_was_rehearsed_by_night_is_done_once_in_the_morning(night: Night) -> None:
    work: Path = night.project / "work"
    work.mkdir(exist_ok=True)
    await night.ledger.grant_level("scripted", 4, by="test", because="a test")
    writes = [call("write_file", path=path, content="hello") for path in ("allowed.txt", "asked.txt")]
    night.agent("scripted", WRITER, *writes, "written")
    code, out, err = await midwatch("run", "scripted", "--shadow", "--json")
    rehearsal = json.loads(out)
    assert (code, rehearsal["outcome"], rehearsal["waiting"]) == (0, "rehearsed", []), err
    assert not {"allowed.txt", "asked.txt"} & {path.name for path in work.iterdir()}
    run = rehearsal["run_id"]
    assert await night.ledger.effects_of(run) == []

    _, out, _ = await midwatch("staged", short(run), "--json")
    assert [(one["arguments"]["path"], one["verdict"], one["state"]) for one in json.loads(out)] == [
        ("allowed.txt", "allow", "staged"),
        ("asked.txt", "ask", "staged"),
    ]
    (work / "asked.txt").write_text("somebody else was here\n")
    code, out, err = await midwatch("staged", short(run), "--approve", "--because", "as it should be", "--json")
    done = json.loads(out)
    assert (code, done["outcome"]) == (0, "verified"), (done, err)
    assert ((work / "allowed.txt").read_text(), (work / "asked.txt").read_text()) == (
        "hello",
        "somebody else was here\n",
    )
    assert [(row.state, row.executing_run) for row in await night.ledger.staged_of(run)] == [
        ("executed", done["run_id"]),
        ("stale", done["run_id"]),
    ]
    (effect,) = await night.ledger.effects_of(done["run_id"])
    (ask, _) = await night.ledger.asks_of(done["run_id"])
    assert (effect.state, effect.ask_id, ask.spent_at is not None) == ("consumed", ask.ask_id, True)
    assert night.script.count("scripted") == 3

    code, _, err = await midwatch("staged", short(run), "--approve", "--because", "again")
    assert (code, "nothing of this run is staged and undecided" in err) == (1, True)
