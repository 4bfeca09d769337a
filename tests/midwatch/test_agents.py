"""Agents' files, for whoever looks often."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from midwatch.agents import Agents
from midwatch.errors import SpecError

HEAD = "name: owl\ndescription: d\ninstructions: i\n"


def test_a_file_is_read_again_only_when_it_has_changed(tmp_path: Path) -> None:
    file, agents = tmp_path / "owl.yaml", Agents(folder=tmp_path)
    file.write_text(HEAD)
    first = agents.find("owl")
    assert first is not None
    assert agents.find("owl") is first
    file.write_text(f"{HEAD}unseen_days: 3\n")
    changed = agents.find("owl")
    assert changed is not None
    assert changed.unseen_days == 3


def test_one_that_is_gone_is_none_and_one_that_is_wrong_says_so_each_time(tmp_path: Path) -> None:
    file, agents = tmp_path / "owl.yaml", Agents(folder=tmp_path)
    file.write_text("name: [")
    for _ in range(2):
        with pytest.raises(SpecError, match="not YAML"):
            agents.find("owl")
    assert agents.readable("owl") is None
    found, wrong = agents.every()
    assert (found, len(wrong)) == ({}, 1)
    os.remove(file)
    assert agents.find("owl") is None
    assert agents.find("../owl") is None
    assert agents.every() == ({}, [])
