"""The supervisor as a real process, with small real children."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

import psutil
import pytest

from cli import inhabitants, logs, record
from cli.home import House
from cli.supervisor import EXIT_LOCKED
from tests.cli.small_house import anyone, child, eventually, occupied, shell, sleeper, started, up

GRANDCHILD = "import subprocess, time; subprocess.Popen(['sleep', '300'], start_new_session=True); time.sleep(300)"


def test_a_child_that_dies_is_restarted(house: House) -> None:
    with occupied(house, sleeper()):
        first = child(house)
        os.kill(first.pid, signal.SIGKILL)
        assert child(house, restarts=1).pid != first.pid


def test_a_child_that_dies_at_once_is_given_up_and_its_last_words_are_shown(house: House) -> None:
    with occupied(house, sleeper(), shell("sick", "echo the disk is full; exit 7")) as supervisor:
        assert supervisor.wait(timeout=15) == 1
        state = record.read(house.record)
        assert state
        assert state.phase == "failed"
        assert "sick ended by itself with 7, 3 times in a row, and was given up" in state.error
        assert "the disk is full" in state.error
        assert anyone(house) == []


def test_sigterm_leaves_nobody_alive_not_even_a_grandchild_in_a_session_of_its_own(house: House) -> None:
    nest = {"name": "nest", "argv": [sys.executable, "-c", GRANDCHILD]}
    with occupied(house, nest) as supervisor:
        up(house)
        eventually(lambda: len(anyone(house)) >= 3)  # leash, child, grandchild
        supervisor.terminate()
        assert supervisor.wait(timeout=15) == 0
        assert anyone(house) == []
        assert not house.record.exists()


def test_sigkill_of_the_supervisor_leaves_nobody_alive(house: House) -> None:
    nest = {"name": "nest", "argv": [sys.executable, "-c", GRANDCHILD]}
    with occupied(house, nest) as supervisor:
        up(house)
        eventually(lambda: len(anyone(house)) >= 3)
        supervisor.kill()
        eventually(lambda: not anyone(house))


def test_what_a_dead_child_left_running_is_ended_before_the_child_starts_again(house: House) -> None:
    nest = {"name": "nest", "argv": [sys.executable, "-c", GRANDCHILD]}
    with occupied(house, nest):
        first = child(house, "nest")
        left = eventually(lambda: psutil.Process(first.pid).children())
        os.kill(first.pid, signal.SIGKILL)
        child(house, "nest", restarts=1)
        assert not inhabitants.lives(left[0])


def test_the_next_start_ends_what_a_killed_watch_left_behind(house: House) -> None:
    with occupied(house, sleeper()) as supervisor:
        orphan = psutil.Process(child(house).pid)
        for leash in psutil.Process(supervisor.pid).children():
            if leash.pid != orphan.pid:
                leash.kill()
        supervisor.kill()
        supervisor.wait()
        assert orphan.is_running()
        with occupied(house, sleeper()):
            assert up(house).children["sleeper"].pid != orphan.pid
            assert not inhabitants.lives(orphan)


def test_a_child_that_ignores_sigterm_is_killed_after_its_grace(house: House) -> None:
    deaf = shell("deaf", "trap '' TERM; while :; do sleep 0.1; done", grace=0.3)
    with occupied(house, deaf) as supervisor:
        up(house)
        supervisor.terminate()
        assert supervisor.wait(timeout=15) == 0
        assert anyone(house) == []
        assert "deaf did not end within 0 s and is killed" in logs.path_of(house, "supervisor").read_text()


def test_children_start_in_order_and_stop_in_the_opposite_order(house: House, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    script = "echo {0} in >> {1}; trap 'echo {0} out >> {1}; exit' TERM; while :; do sleep 0.05; done"
    group = [shell(name, script.format(name, diary)) for name in ("server", "worker")]
    with occupied(house, *group) as supervisor:
        up(house)
        eventually(lambda: diary.exists() and len(diary.read_text().splitlines()) == 2)
        supervisor.terminate()
        supervisor.wait(timeout=15)
        assert diary.read_text().split("\n")[2:4] == ["worker out", "server out"]


def test_a_child_waits_for_the_health_of_the_one_before_it(house: House, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    serve = [sys.executable, "-m", "http.server", str(house.port), "--bind", "127.0.0.1", "--directory", str(tmp_path)]
    server = {"name": "server", "argv": serve, "health": house.url}
    ask = f"import urllib.request as r; r.urlopen('{house.url}'); open('{diary}', 'w').write('served')"
    worker = shell("worker", f'{sys.executable} -c "{ask}"; exec sleep 300')
    with occupied(house, server, worker):
        up(house)
        eventually(lambda: diary.exists() and diary.read_text() == "served")


def test_before_and_after_surround_the_life_of_a_child(house: House, tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    surrounded = sleeper(before=["sh", "-c", f"echo before >> {diary}"], after=["sh", "-c", f"echo after >> {diary}"])
    with occupied(house, surrounded) as supervisor:
        up(house)
        assert diary.read_text() == "before\n"
        supervisor.terminate()
        supervisor.wait(timeout=15)
    assert diary.read_text() == "before\nafter\n"


def test_a_child_that_cannot_be_prepared_is_given_up(house: House) -> None:
    with occupied(house, sleeper(before=["sh", "-c", "echo no pool; exit 3"])) as supervisor:
        assert supervisor.wait(timeout=15) == 1
        state = record.read(house.record)
        assert state
        assert "could not be prepared" in state.error
        assert "no pool" in state.error


def test_a_port_in_use_is_named_with_its_holder_and_what_to_do(house: House) -> None:
    with socket.create_server(("127.0.0.1", house.port or 0)), occupied(house, sleeper()) as supervisor:
        assert supervisor.wait(timeout=15) == 1
        state = record.read(house.record)
        assert state
        assert f"port {house.port} is in use by " in state.error
        assert f"(pid {os.getpid()})" in state.error
        assert "midwatch up --port" in state.error


def test_a_second_supervisor_finds_the_house_locked(house: House) -> None:
    with occupied(house, sleeper()):
        first = up(house)
        with started(house, sleeper()) as second:
            assert second.wait(timeout=15) == EXIT_LOCKED
            assert up(house) == first


@pytest.mark.parametrize("close", ["closed", "killed"])
def test_a_leashed_house_ends_when_its_starter_does(house: House, close: str) -> None:
    with occupied(house, sleeper(), leashed=True) as supervisor:
        up(house)
        assert supervisor.stdin
        supervisor.stdin.close()
        assert supervisor.wait(timeout=15) == 0
        assert anyone(house) == []
