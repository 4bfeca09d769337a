"""The system calls that no command needs are refused, tried by their numbers from inside each sandbox."""

import functools
import json
import platform
import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

from tasks.tools import seccomp
from tasks.tools.sandbox import Bounds, Sandbox, candidates, holds
from tasks.tools.shell import run_bounded

PYTHON = "/usr/bin/python3"
EPERM, ENOSYS = 1, 38

PROBE = """
import ctypes, json, sys
libc = ctypes.CDLL(None, use_errno=True)
def tried(number, *arguments):
    ctypes.set_errno(0)
    libc.syscall(number, *(ctypes.c_long(argument) for argument in arguments))
    return ctypes.get_errno()
print(json.dumps({name: tried(*call) for name, call in json.loads(sys.argv[1]).items()}))
"""
WILD = -1
"""An argument that no call takes: what gets past the filter fails for another reason than EPERM, and does nothing."""


@functools.cache
def working() -> dict[str, Sandbox]:
    return {sandbox.name: sandbox for sandbox in candidates() if holds(sandbox)}


@pytest.fixture(params=["bubblewrap", "landlock"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    if not Path(PYTHON).exists():
        pytest.skip(f"the sandbox has no {PYTHON}")
    return working().get(request.param) or pytest.skip(f"{request.param} does not start on this machine")


async def errors(sandbox: Sandbox, root: Path, calls: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    with sandbox.launch([PYTHON, "-c", PROBE, json.dumps(calls)], Bounds(root=root)) as launch:
        result = await run_bounded(launch, 30)
    found: dict[str, int] = json.loads(result["output"])
    return found


def numbers() -> dict[str, int]:
    place = 0 if platform.machine() == "x86_64" else 1
    return {name: both[place] for name, both in seccomp.REFUSED.items()}


async def test_every_call_on_the_list_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    found = await errors(sandbox, tmp_path, {name: (number, *[WILD] * 5) for name, number in numbers().items()})
    assert found == dict.fromkeys(numbers(), EPERM)


CLONE, IOCTL = (56, 16) if platform.machine() == "x86_64" else (220, 29)
NAMESPACES = {"mount": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000} | {
    "process": 0x20000000,
    "network": 0x40000000,
}


async def test_no_new_namespace_is_made(sandbox: Sandbox, tmp_path: Path) -> None:
    sigchld = 17
    found = await errors(sandbox, tmp_path, {name: (CLONE, flag | sigchld) for name, flag in NAMESPACES.items()})
    assert found == dict.fromkeys(NAMESPACES, EPERM)
    assert await errors(sandbox, tmp_path, {"clone3": (435, 0, 0)}) == {"clone3": ENOSYS}


async def test_nothing_is_typed_into_the_terminal(sandbox: Sandbox, tmp_path: Path) -> None:
    calls = {"TIOCSTI": (IOCTL, WILD, 0x5412), "TIOCLINUX": (IOCTL, WILD, 0x541C), "wide": (IOCTL, WILD, 0x1_0000_5412)}
    assert await errors(sandbox, tmp_path, calls) == dict.fromkeys(calls, EPERM)
    badly = await errors(sandbox, tmp_path, {"another": (IOCTL, WILD, 0x5413)})
    assert badly == {"another": 9}  # EBADF: the kernel itself answered


async def test_ordinary_programs_do_not_notice(sandbox: Sandbox, tmp_path: Path) -> None:
    work = (
        "import subprocess, tempfile, threading, multiprocessing, sqlite3, asyncio\n"
        "threading.Thread(target=print, args=('thread',)).start()\n"
        "print(subprocess.run(['echo', 'child'], capture_output=True, text=True).stdout.strip())\n"
        "sqlite3.connect('x.db').execute('create table t (a)')\n"
        "print('done')\n"
    )
    with sandbox.launch([PYTHON, "-c", work], Bounds(root=tmp_path)) as launch:
        result = await run_bounded(launch, 30)
    assert result == {"exit_code": 0, "output": "thread\nchild\ndone\n"}


# --- the programs themselves, run by a small reader of them: also those for a machine that this one is not -------------

ALLOW, KILL = 0x7FFF0000, 0x80000000
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def verdict(program: bytes, architecture: int, number: int, *arguments: int) -> int:
    """What the kernel would answer: an allow, a kill, or 0x50000 and an error's number."""
    padded = (*arguments, *[0] * (6 - len(arguments)))
    data = struct.pack("=IIQ6Q", number, architecture, 0, *(argument % 2**64 for argument in padded))
    lines = list(struct.iter_unpack("=HBBI", program))
    place, held = 0, 0
    while True:
        code, yes, no, value = lines[place]
        place += 1
        match code:
            case 0x20:
                (held,) = struct.unpack_from("=I", data, value)
            case 0x15:
                place += yes if held == value else no
            case 0x35:
                place += yes if held >= value else no
            case 0x45:
                place += yes if held & value else no
            case 0x06:
                return int(value)
            case _:
                raise AssertionError(f"the kernel knows no {code:#x} here")


@pytest.fixture(params=ARCHITECTURES)
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(platform, "machine", lambda: request.param)
    return str(request.param)


ORDINARY = {
    "x86_64": {"read": 0, "openat": 257, "execve": 59, "socketpair": 53, "wait4": 61, "fchmod": 91, "futex": 202},
    "aarch64": {"read": 63, "openat": 56, "execve": 221, "socketpair": 199, "wait4": 260, "fchmod": 52, "futex": 98},
}
SOCKET = {"x86_64": 41, "aarch64": 198}
KILL_CALL = {"x86_64": 62, "aarch64": 129}
UTIMENSAT = {"x86_64": 280, "aarch64": 88}


def test_both_programs_refuse_what_is_listed_on_either_machine(machine: str) -> None:
    here = ARCHITECTURES[machine]
    refused = [both[0 if machine == "x86_64" else 1] for both in seccomp.REFUSED.values()]
    for program in (seccomp.for_bubblewrap(), seccomp.for_landlock(7)):
        assert {verdict(program, here, number) for number in refused} == {0x50000 | EPERM}
        assert {verdict(program, here, number) for number in ORDINARY[machine].values()} == {ALLOW}
        assert verdict(program, here, 435) == 0x50000 | ENOSYS
        assert {verdict(program, other, 0) for name, other in ARCHITECTURES.items() if name != machine} == {KILL}
        assert verdict(program, 0x40000003, 0) == KILL  # 32 bits
        assert verdict(program, here, 0x40000000) == KILL  # x32


def test_the_arguments_of_a_call_count_on_either_machine(machine: str) -> None:
    here, clone = ARCHITECTURES[machine], {"x86_64": 56, "aarch64": 220}[machine]
    ioctl = {"x86_64": 16, "aarch64": 29}[machine]
    for program in (seccomp.for_bubblewrap(), seccomp.for_landlock(7)):
        assert {verdict(program, here, clone, flag) for flag in NAMESPACES.values()} == {0x50000 | EPERM}
        assert verdict(program, here, clone, 0x3D0F00) == ALLOW  # a thread
        assert [verdict(program, here, ioctl, 0, what) for what in (0x5412, 0x541C)] == [0x50000 | EPERM] * 2
        assert verdict(program, here, ioctl, 0, 0x5413) == ALLOW


def test_landlocks_program_refuses_what_landlock_does_not_know(machine: str) -> None:
    here, refused = ARCHITECTURES[machine], 0x50000 | EPERM
    old, new = seccomp.for_landlock(5), seccomp.for_landlock(6)
    assert verdict(new, here, SOCKET[machine], 2) == refused
    assert verdict(seccomp.for_bubblewrap(), here, SOCKET[machine], 2) == ALLOW
    assert [verdict(program, here, KILL_CALL[machine]) for program in (old, new)] == [refused, ALLOW]
    paths = (0x7FFF_0000_0000, 0x1)
    assert [verdict(new, here, UTIMENSAT[machine], 3, path) for path in (*paths, 0)] == [refused, refused, ALLOW]


def test_a_machine_that_nobody_wrote_down_has_no_landlock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert [sandbox.name for sandbox in candidates()] in ([], ["bubblewrap"])
    assert verdict(seccomp.for_bubblewrap(), 0xC00000F3, 63) == ALLOW
