"""The ping to outside: what it asks for, and that nothing of the keeper's waits for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from cli import record
from cli.home import House
from cli.lookout_checks import Look, Seen
from cli.ping import PING, ping, ping_of, pinging
from cli.record import Record
from tasks.harness.place import Place
from tests.cli.test_lookout import served

WELL = Look(seen=(Seen(name="server", ok=True, detail=""),))
ILL = Look(seen=(Seen(name="server", ok=False, detail="it does not answer"),))
SOON = 30.0


class Slow:
    """A ping that hangs until it is let go."""

    def __init__(self, *answers: str | Exception) -> None:
        self.begun, self.go, self.ended = threading.Semaphore(0), threading.Semaphore(0), threading.Semaphore(0)
        self.at_once = 0
        self._answers = iter(answers)

    def __call__(self) -> str:
        self.at_once += 1
        assert self.at_once == 1
        self.begun.release()
        assert self.go.acquire(timeout=SOON)
        self.at_once -= 1
        self.ended.release()
        answer = next(self._answers, "")
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def slow() -> Iterator[Slow]:
    slow = Slow("it is away", "it is away", OSError("no"), "")
    yield slow
    slow.go.release(9)


def test_a_ping_that_hangs_keeps_nobody_waiting_and_is_followed_by_no_other(slow: Slow) -> None:
    with pinging(slow, each=0.0):
        assert slow.begun.acquire(timeout=SOON)
        assert not slow.begun.acquire(timeout=0.1)
    slow.go.release()
    assert slow.ended.acquire(timeout=SOON)
    assert not slow.begun.acquire(timeout=0.1)


def test_what_changes_is_said_once_and_a_ping_that_fails_is_followed_by_the_next(
    slow: Slow, capsys: pytest.CaptureFixture[str]
) -> None:
    with pinging(slow, each=0.0):
        for _ in range(5):
            assert slow.begun.acquire(timeout=SOON)
            slow.go.release()
    said = [line.split(" ", 2)[2] for line in capsys.readouterr().out.splitlines()]
    assert said == ["it is away", "there is no ping: no", "the ping goes out again"]


def test_a_ping_asks_for_the_address_while_all_is_well_and_for_its_fail_otherwise(free_port: int) -> None:
    url = f"http://127.0.0.1:{free_port}/uuid"
    with served(free_port) as heard:
        assert ping(url, WELL) == ""
        assert ping(url, ILL) == ""
    assert heard == [("/uuid/fail", "server: it does not answer")]
    assert "does not go out" in ping(url, WELL)
    assert "/uuid" not in ping(url, WELL)
    assert "no http or https address" in ping("file:///etc/passwd", WELL)


def test_a_ping_goes_out_where_somebody_waits_for_it(house: House, free_port: int) -> None:
    here = Place(project=house.project, home=house.home)
    assert ping_of(here, {}) == ""
    record.write(house.record, Record(supervisor=record.this_process(), phase="up", port=free_port))
    with served(free_port) as heard:
        assert ping_of(here, {PING: f"http://127.0.0.1:{free_port}"}) == ""
    (fail,) = heard
    assert fail[0] == "/fail"
    assert "ledger: it cannot be read" in fail[1]
