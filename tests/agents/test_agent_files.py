from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import Tool

from midwatch.agent_file import load_agent
from midwatch.named_function import named_function
from midwatch.risk import facts_of
from midwatch.spec import AgentSpec

AGENTS = Path(__file__).parents[2] / "agents"


@pytest.fixture(params=["inbox-triage", "machine-report"])
def spec(request: pytest.FixtureRequest) -> AgentSpec:
    return load_agent(request.param, AGENTS)


def functions(spec: AgentSpec) -> dict[str, Any]:
    return {tool.python.rpartition(":")[2]: named_function(tool.python) for tool in spec.tools if tool.python}


def test_every_tool_declares_its_risk_and_every_bound_argument_is_one_of_its_own(spec: AgentSpec) -> None:
    for tool in spec.tools:
        function = functions(spec)[(tool.python or "").rpartition(":")[2]]
        assert facts_of(function).risk != "execute"
        assert set(tool.bind) <= set(inspect.signature(function).parameters)


def test_every_worked_example_is_a_call_that_its_tool_accepts(spec: AgentSpec) -> None:
    for example in spec.examples:
        if example.call is None:
            continue
        name = example.call["tool"]
        bound = next(tool.bind for tool in spec.tools if (tool.python or "").endswith(f":{name}"))
        filled = {key: [] if key == "paths" else "nothing" for key in bound}
        Tool(functions(spec)[name]).function_schema.validator.validate_python({**example.call["args"], **filled})


def test_every_function_that_the_file_names_can_be_called(spec: AgentSpec) -> None:
    checks = [*spec.contract.noop_when, *spec.contract.done_when]
    assert all(callable(named_function(check.python)) for check in checks if check.python)


def test_no_agent_decides_by_itself_about_what_cannot_be_undone(spec: AgentSpec) -> None:
    destroying = {name for name, function in functions(spec).items() if facts_of(function).risk == "destroy"}
    assert destroying <= set(map(str, spec.rules.ask))
    assert not destroying & set(map(str, spec.rules.allow))
