"""The default model itself, on this machine's own processor. Skipped where its weights are not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from pydantic import BaseModel, Field
from pydantic_ai import Agent

from midwatch.errors import ModelUnavailable
from tasks.model.local_model import LocalModel
from tasks.model.server import ensure_server, stop_server
from tasks.model.weights import find_weights

pytestmark = pytest.mark.model


def _weights() -> Path | None:
    try:
        return find_weights()
    except ModelUnavailable:
        return None


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalModel]:
    if (weights := _weights()) is None:
        pytest.skip("the default model's weights are not on this machine")
    home = tmp_path_factory.mktemp("home")
    yield LocalModel(lambda: ensure_server(home, weights=weights))
    asyncio.run(stop_server(home))


async def test_it_reads_one_folder_and_then_one_file(model: LocalModel) -> None:
    agent = Agent(model, instructions="You look after a person's files. Use the tools, then answer.")
    called: list[str] = []

    @agent.tool_plain
    def list_dir(path: str) -> list[str]:
        """List the files of a folder."""
        called.append("list_dir")
        return ["photo.jpg", "todo.md"]

    @agent.tool_plain
    def read_file(path: str) -> str:
        """Read a text file."""
        called.append("read_file")
        return "Call the plumber on Monday."

    result = await agent.run("Look into the folder notes, then read the to-do file and tell me what it says.")
    assert called == ["list_dir", "read_file"]
    assert "plumber" in result.output


async def test_it_fills_in_a_typed_output(model: LocalModel) -> None:
    class Order(BaseModel):
        label: Literal["order", "complaint", "question"]
        pieces: int

    result = await Agent(model, output_type=Order).run("Please send 12 lamps to our shop in Oslo.")
    assert result.output == Order(label="order", pieces=12)


async def test_a_bounded_string_stays_bounded(model: LocalModel) -> None:
    class Note(BaseModel):
        text: str = Field(max_length=20)

    result = await Agent(model, output_type=Note).run("Write a long story about the sea.")
    assert len(result.output.text) <= 20
