"""`midwatch approve --always`, in a real house: the yes is good for one call, the rule waits for a person."""

from __future__ import annotations

import json

from midwatch.run_ids import short
from tests.flows.conftest import Night
from tests.flows.scripted_model import call
from tests.flows.typed import midwatch, run_of

WRITER = """
tools:
  - write_file: {root: work}
rules:
  deny:
    - write_file: secret/**
ceiling: 4
contract:
  done_when:
    - file: {path: work/always.txt, contains: [hello], newer_than_start: true}
"""


async def test_the_call_runs_once_and_its_rule_is_proposed_listed_and_accepted(night: Night) -> None:
    (night.project / "work").mkdir(exist_ok=True)
    night.agent("scripted", WRITER, call("write_file", path="always.txt", content="hello"), "written")
    started = await run_of("scripted")
    file = night.project / "agents" / "scripted.yaml"
    before = file.read_text()

    code, out, err = await midwatch("approve", short(started["run_id"]), "1", "--always")
    assert (code, "The run goes on." in out, "a rule is proposed as" in out) == (0, True, True), err
    assert (await night.ended(started["run_id"])).outcome == "verified"
    assert file.read_text() == before

    _, out, _ = await midwatch("rules", "proposals", "--json")
    (proposed,) = [one for one in json.loads(out) if one["agent"] == "scripted"]
    assert proposed["rule"]["write_file"] == "always.txt"
    arguments = '{"path": "always.txt", "content": "bye"}'
    assert (await midwatch("rules", "explain", "scripted", "write_file", arguments))[0] == 3
    code, _, err = await midwatch("rules", "accept", proposed["id"])
    assert code == 0, err
    assert (await midwatch("rules", "explain", "scripted", "write_file", arguments))[0] == 0
