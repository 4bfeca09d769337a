from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from cli.run import _object, new_files
from midwatch.agent_file import parse_agent
from midwatch.errors import SpecError
from tests.tasks.page.test_night_page import a_run


@pytest.mark.parametrize("text", ["[1]", "{", '{"n": 20000000000000000000}', '{"n": 1e999}', '{"n": NaN}'])
def test_an_input_that_prefect_cannot_keep_is_refused_before_a_run_is_made(text: str) -> None:
    with pytest.raises(SpecError, match="--input"):
        _object(text)


def test_a_file_of_an_earlier_run_is_not_said_to_be_written(tmp_path: Path) -> None:
    contract = "contract: {done_when: [{file: {path: out.txt}}]}"
    spec = parse_agent(f"name: tidy\ndescription: d\ninstructions: i\n{contract}\n", path="tidy.yaml", stem="tidy")
    run = a_run("r", "blocked")
    (tmp_path / "out.txt").touch()
    assert new_files(spec, run, tmp_path) == ["out.txt"]
    before = (run.started_at - timedelta(hours=1)).timestamp()
    os.utime(tmp_path / "out.txt", (before, before))
    assert new_files(spec, run, tmp_path) == []
