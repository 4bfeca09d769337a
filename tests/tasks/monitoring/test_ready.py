"""What would keep a contract from being checked is found before the night, and without running a check."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from midwatch.contract import Contract
from tasks.monitoring.ready import contract_faults


def faults(project: Path, *checks: dict[str, Any]) -> list[str]:
    contract = Contract.model_validate({"done_when": list(checks)})
    return contract_faults(contract, project=project, environment={"SHOP_URL": "sqlite:///shop.db"})


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ({"python": "os:no_such_function"}, "module 'os' has no function 'no_such_function'"),
        ({"command": {"argv": ["no-such-program-anywhere"]}}, "there is no program 'no-such-program-anywhere'"),
        ({"command": {"argv": ["./check.sh"]}}, "there is no program './check.sh'"),
        ({"sql": {"url_env": "OTHER_URL", "query": "SELECT 1", "equals": 1}}, "$OTHER_URL is not set"),
        ({"file": {"path": "a", "json_schema": {"type": "no such type"}}}, "its JSON schema is none"),
    ],
)
def test_a_check_that_could_not_look_is_named(tmp_path: Path, check: dict[str, Any], said: str) -> None:
    (fault,) = faults(tmp_path, {**check, "name": "backup"})
    assert fault.startswith(f"backup: {said}")


def test_a_contract_that_can_be_checked_has_no_faults_and_is_not_checked(tmp_path: Path) -> None:
    program = tmp_path / "check.sh"
    program.write_text("#!/bin/sh\ntouch ran\n")
    program.chmod(0o755)
    checks: list[dict[str, Any]] = [
        {"file": {"path": "report.md"}},
        {"command": {"argv": ["./check.sh"]}},
        {"command": {"argv": [sys.executable]}},
        {"http": {"url": "http://127.0.0.1:1/"}},
        {"sql": {"url_env": "SHOP_URL", "query": "SELECT 1", "equals": 1}},
        {"python": "os:getcwd"},
    ]
    assert faults(tmp_path, *checks) == []
    assert [path.name for path in tmp_path.iterdir()] == ["check.sh"]


def test_the_noop_part_is_looked_at_too(tmp_path: Path) -> None:
    contract = Contract.model_validate({"noop_when": [{"python": "os:nothing"}]})
    assert len(contract_faults(contract, project=tmp_path, environment={})) == 1
