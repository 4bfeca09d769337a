"""`midwatch run`, `inbox`, `approve`, `runs` and `show` as a person types them, against a real house."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from midwatch.run_ids import short
from tests.flows.conftest import Night
from tests.flows.scripted_model import call

MIDWATCH = str(Path(sys.executable).with_name("midwatch"))
WRITER = """
tools:
  - write_file: {root: work}
rules:
  ask: [write_file]
  deny:
    - write_file: secret/**
ceiling: 4
contract:
  done_when:
    - file: {path: work/typed.txt, contains: [hello], newer_than_start: true}
"""


async def midwatch(*words: str) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of one command."""
    process = await asyncio.create_subprocess_exec(
        MIDWATCH, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def run_of_scripted() -> tuple[int, Any]:
    code, out, err = await midwatch("run", "scripted", "--json")
    assert out, err
    return code, json.loads(out)


async def test_a_run_is_started_waits_is_approved_and_ends_with_its_exit_code(night: Night) -> None:
    (night.project / "work").mkdir(exist_ok=True)
    night.agent("scripted", WRITER, call("write_file", path="typed.txt", content="hello"), "written")
    code, started = await run_of_scripted()
    assert (code, started["outcome"], len(started["waiting"])) == (10, None, 1)

    code, out, _ = await midwatch("inbox", "--json")
    (asked,) = [ask for ask in json.loads(out) if ask["run_id"] == started["run_id"]]
    assert (code, asked["tool"], asked["arguments"]["path"]) == (0, "write_file", "typed.txt")

    code, out, err = await midwatch("approve", short(started["run_id"]), "1")
    assert (code, "The run goes on." in out) == (0, True), err
    assert (await night.ended(started["run_id"])).outcome == "verified"

    code, out, _ = await midwatch("show", short(started["run_id"]), "--json")
    assert (code, json.loads(out)["run"]["outcome"]) == (0, "verified")
    code, out, _ = await midwatch("runs", "scripted", "--json")
    assert (code, json.loads(out)[0]["outcome"]) == (0, "verified")

    code, out, _ = await midwatch("deny", short(started["run_id"]), "1")
    assert (code, "approved already" in out) == (0, True), out


async def test_a_denied_needed_tool_ends_with_exit_code_4_and_its_name(night: Night) -> None:
    night.agent("scripted", WRITER, call("write_file", path="secret/typed.txt", content="hello"), "done, believe me")
    code, ended = await run_of_scripted()
    assert (code, ended["outcome"]) == (4, "blocked")
    assert "secret/typed.txt" in ended["reason"]


async def test_a_wrong_agent_file_starts_nothing_and_names_file_line_and_field(night: Night) -> None:
    night.agent("scripted", "limits: {stps: 3}\n")
    code, _, err = await midwatch("run", "scripted")
    assert code == 2
    assert "scripted.yaml:5: limits.stps" in err
    assert "did you mean `steps`?" in err


async def test_an_input_that_is_no_json_object_starts_nothing(night: Night) -> None:
    night.agent("scripted", WRITER)
    code, _, err = await midwatch("run", "scripted", "--input", "[1]")
    assert (code, "--input" in err) == (2, True)
