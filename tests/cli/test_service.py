"""What all long-lived processes do alike: pause, and try again."""

from __future__ import annotations

import asyncio

import pytest

from cli import service
from cli.service import again, pause


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """None of them is slept through."""
    made: list[float] = []

    async def at_once(_stop: asyncio.Event, seconds: float) -> None:
        made.append(seconds)

    monkeypatch.setattr(service, "pause", at_once)
    return made


async def test_what_fails_is_tried_again_after_pauses_that_grow_until_it_is_to_stop(
    pauses: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    stop = asyncio.Event()

    async def fails() -> None:
        if len(pauses) == 4:
            stop.set()
        raise OSError("no")

    await again("nothing works", fails, stop, first=1, longest=5)
    assert pauses == [1, 2, 4, 5, 5]
    said = capsys.readouterr()
    assert said.out.splitlines()[2].endswith(" nothing works: no. Tried again in 4 s")
    assert said.err == ""


async def test_a_failure_that_a_line_does_not_explain_is_said_with_its_traceback(
    pauses: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    stop = asyncio.Event()

    async def fails() -> None:
        stop.set()
        raise ZeroDivisionError("by zero")

    await again("nothing works", fails, stop, plain=(OSError,))
    assert pauses == [service.AGAIN_SECONDS]
    assert "ZeroDivisionError: by zero" in capsys.readouterr().err


async def test_a_pause_ends_by_itself_at_a_bell_and_when_it_is_to_stop() -> None:
    for which in (None, 0, 1, 2):
        events = [asyncio.Event() for _ in range(3)]
        if which is not None:
            events[which].set()
        async with asyncio.timeout(30):
            await pause(events[0], 0.01 if which is None else 3600, *events[1:])
