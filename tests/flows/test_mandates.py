"""`midwatch approve --next`, in a real house: the yes is for one call, the mandate for the next ones like it, and no more."""

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
  ask:
    - write_file: "**"
      id: write
ceiling: 4
contract:
  done_when:
    - file: {path: work/next.txt, contains: [third], newer_than_start: true}
"""


async def test_the_next_call_goes_unasked_and_the_one_after_the_last_is_asked_about(night: Night) -> None:
    (night.project / "work").mkdir(exist_ok=True)
    calls = [call("write_file", path="next.txt", content=text) for text in ("first", "second", "third")]
    night.agent("scripted", WRITER, *calls, "written")
    started = await run_of("scripted")
    run = short(started["run_id"])
    await night.waiting(started["run_id"])

    code, out, err = await midwatch("approve", run, "1", "--next", "1", "--until", "48h", "--yes")
    assert code == 0, err
    assert "- `write_file`: `next.txt`" in out
    assert "The run goes on." in out
    assert len(await night.waiting(started["run_id"])) == 1
    assert (night.project / "work" / "next.txt").read_text() == "second"

    _, out, _ = await midwatch("mandate", "list", "scripted", "--all", "--json")
    (mandate,) = [one for one in json.loads(out) if one["ask_id"].startswith(started["run_id"])]
    assert (mandate["used"], mandate["state"]) == (1, "used up")
    _, out, _ = await midwatch("show", run, "--json")
    decisions = [(row["verdict"], row["rule"]) for row in json.loads(out)["decisions"]]
    assert ("allow", f"mandate.{mandate['mandate_id']}") in decisions

    code, _, err = await midwatch("approve", run, "2")
    assert code == 0, err
    assert (await night.ended(started["run_id"])).outcome == "verified"
