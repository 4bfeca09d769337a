"""Traces: they come out where somebody collects them, and hold nothing of what was said."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_ai import Agent
from pydantic_ai.models.test import TestModel

from tasks.monitoring.traces import CONTENT, ENDPOINTS, MISSING, traced, wanted

COLLECTOR = {ENDPOINTS[0]: "http://127.0.0.1:4318"}


async def spans(environ: dict[str, str]) -> tuple[list[str], str]:
    exporter = InMemorySpanExporter()
    agent = Agent(TestModel(), name="night", instructions="the secret instructions")

    @agent.tool_plain
    def look(where: str) -> str:
        return f"the secret result of {where}"

    async with traced(environ, exporter):
        await agent.run("the secret prompt")
    await agent.run("another secret prompt, of which no span is made")
    found = exporter.get_finished_spans()
    return [span.name for span in found], " ".join(span.to_json() for span in found)


async def test_a_conversation_its_requests_and_its_tool_calls_are_spans_without_what_was_said() -> None:
    names, text = await spans({})
    assert len([name for name in names if name.startswith("chat")]) == 2
    assert any("look" in name for name in names)
    assert any("night" in name for name in names)
    assert "gen_ai.usage.input_tokens" in text
    assert "secret" not in text
    assert '"service.name": "midwatch"' in text


async def test_what_was_said_is_there_where_that_is_asked_for() -> None:
    _, text = await spans({CONTENT: "true"})
    assert "the secret prompt" in text
    assert "another secret" not in text


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, False),
        (COLLECTOR, True),
        ({ENDPOINTS[1]: "http://127.0.0.1:4318/v1/traces"}, True),
        ({**COLLECTOR, "OTEL_SDK_DISABLED": "true"}, False),
        ({**COLLECTOR, "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_only_the_standard_variables_switch_it_on(environ: dict[str, str], expected: bool) -> None:
    assert wanted(environ) is expected


async def test_a_library_that_is_not_installed_is_said_and_the_run_goes_on(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.trace.export", None)
    async with traced(COLLECTOR):
        pass
    assert MISSING in caplog.text
