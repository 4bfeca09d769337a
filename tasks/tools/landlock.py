"""Tools: what holds a command back where bubblewrap cannot start? A program that confines itself, then runs it.

Run by path (`python -I -S landlock.py ROOT -- COMMAND...`), with nothing but the standard library. A parent stays behind
and ends every descendant when the command ends, is told to stop, or its own parent dies. The child gives up its
capabilities, lets Landlock hold the file system (system folders to read, ROOT and a scratch folder to write), and lets
seccomp refuse what Landlock does not know: sockets, io_uring, changing modes, owners and times by path, signals where the
kernel's Landlock has no scope for them, and looking into other processes.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import shutil
import signal
import struct
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

READABLE: Final = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
ETC: Final = (
    "alternatives",
    "group",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "nsswitch.conf",
    "passwd",
)
"""What programs need of /etc; nothing secret."""
DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
LIMITS: Final = {
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_DATA: 4 << 30,
    resource.RLIMIT_FSIZE: 1 << 30,
    resource.RLIMIT_NOFILE: 1024,
    resource.RLIMIT_CPU: 600,
}
"""Bytes, descriptors, seconds; per process."""
ENVIRONMENT: Final = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1"}
"""All that a command gets to see of ours, beside HOME and TMPDIR."""

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_READ: Final = 1 << 0 | 1 << 2 | 1 << 3
"""Execute, read files, read folders."""
_OF_FILES: Final = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15
"""The rights that a rule on a single file may have."""
_NO_NEW_PRIVS, _SET_SECCOMP, _SUBREAPER, _DEATH_SIGNAL, _DROP_BOUND = 38, 22, 36, 1, 24

_SIGNALS: Final = {
    "x86_64": (62, 200, 234, 129, 297, 424),
    "aarch64": (129, 130, 131, 138, 240, 424),
}
"""kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo, pidfd_send_signal."""
_REFUSED: Final = {
    "x86_64": (
        *(41, 425),  # socket, io_uring_setup
        *(76, 90, 268, 452, 92, 94, 260),  # truncate, chmod, fchmodat, fchmodat2, chown, lchown, fchownat
        *(188, 189, 197, 198, 463, 466, 132, 235, 261),  # (l)setxattr, (l)removexattr, *at, utime, utimes, futimesat
        *(101, 310, 311, 248, 249, 250),  # ptrace, process_vm_readv, process_vm_writev, add_key, request_key, keyctl
        *(272, 308, 321, 323, 298),  # unshare, setns, bpf, userfaultfd, perf_event_open
        *(29, 64, 68, 240),  # shmget, semget, msgget, mq_open: they reach other processes
    ),
    "aarch64": (
        *(198, 425),
        *(45, 53, 452, 54),
        *(5, 6, 14, 15, 463, 466),
        *(117, 270, 271, 217, 218, 219),
        *(97, 268, 280, 282, 241),
        *(194, 190, 186, 180),
    ),
}
"""The same calls by both machines' numbers, where the machine has them."""
_UTIMENSAT: Final = {"x86_64": 280, "aarch64": 88}
_ARCHITECTURE: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def version() -> int:
    """The kernel's Landlock version; 0 where it has none, or where this machine's system calls are not known here."""
    if sys.platform != "linux" or platform.machine() not in _REFUSED:
        return 0
    return max(0, int(_libc().syscall(_CREATE_RULESET, None, 0, 1)))


def main(arguments: Sequence[str]) -> int:
    """Supervise `ROOT -- COMMAND...`; its exit code, or 128 and the signal's number."""
    root, separator, *command = arguments
    if separator != "--" or not command:
        raise SystemExit("usage: landlock.py ROOT -- COMMAND...")
    libc = _libc()
    libc.prctl(_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
    scratch = tempfile.mkdtemp(prefix="midwatch-")
    try:
        child = os.fork()
        if child == 0:
            _become(libc, root, scratch, command)
        signal.signal(signal.SIGTERM, lambda _number, _frame: os.kill(child, signal.SIGKILL))
        return _wait(child)
    finally:
        end_descendants()
        shutil.rmtree(scratch, ignore_errors=True)


def end_descendants() -> None:
    """Kill every child, and the orphans that become children by it, until none is left."""
    while children := _children():
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _children() -> list[int]:
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                state = Path(f"/proc/{entry}/stat").read_text()
            except OSError:
                continue
            if int(state.rpartition(")")[2].split()[1]) == os.getpid():
                found.append(int(entry))
    return found


def _wait(child: int) -> int:
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return 128 - code if code < 0 else code


def _become(libc: ctypes.CDLL, root: str, scratch: str, command: Sequence[str]) -> None:
    """The child: never returns to the caller's code."""
    try:
        libc.prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        for limit, most in LIMITS.items():
            hard = resource.getrlimit(limit)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(limit, (most, most))
        os.chdir(root)
        confine(libc, [root, scratch])
        environment = {**ENVIRONMENT, "HOME": scratch, "TMPDIR": scratch}
        os.execvpe(command[0], list(command), environment)  # noqa: S606  # on purpose: no shell
    except FileNotFoundError:
        print(f"{command[0]}: not found", file=sys.stderr, flush=True)
        os._exit(127)
    except BaseException as error:
        print(f"sandbox: {error}", file=sys.stderr, flush=True)
        os._exit(126)


def confine(libc: ctypes.CDLL, writable: Sequence[str]) -> None:
    """Hold this process and all that it starts; raises OSError where the kernel refuses."""
    for capability in range(64):
        libc.prctl(_DROP_BOUND, capability, 0, 0, 0)
    _checked(libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    abi = version()
    everything = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(abi, 16)) - 1  # every right that this version knows
    attributes = struct.pack("=QQQ", everything, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    rules = _checked(libc.syscall(_CREATE_RULESET, attributes, size, 0), "Landlock")
    for path in (*READABLE, *(f"/etc/{name}" for name in ETC)):
        _allow(libc, rules, path, _READ)
    for path in (*DEVICES, *writable):
        _allow(libc, rules, path, everything)
    _checked(libc.syscall(_RESTRICT_SELF, rules, 0), "Landlock")
    os.close(rules)
    _filter_calls(libc, abi)


def _allow(libc: ctypes.CDLL, rules: int, path: str, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    allowed = access if os.path.isdir(path) else access & _OF_FILES
    _checked(libc.syscall(_ADD_RULE, rules, 1, struct.pack("=Qi", allowed, descriptor), 0), path)
    os.close(descriptor)


def _filter_calls(libc: ctypes.CDLL, abi: int) -> None:
    """Load the seccomp filter: these calls fail with EPERM, another machine's calls end the process."""
    machine = platform.machine()
    refused = _REFUSED[machine] + (() if abi >= 6 else _SIGNALS[machine])
    load, equal, at_least, result = 0x20, 0x15, 0x35, 0x06
    allow, no, kill = 0x7FFF0000, 0x00050001, 0x80000000
    program = [
        (load, 0, 0, 4), (equal, 1, 0, _ARCHITECTURE[machine]), (result, 0, 0, kill),
        (load, 0, 0, 0), (at_least, 0, 1, 0x40000000), (result, 0, 0, kill),
    ]  # fmt: skip
    for number in refused:
        program += [(equal, 0, 1, number), (result, 0, 0, no)]
    program += [
        (equal, 0, 5, _UTIMENSAT[machine]),  # with a path; without one it is about a file that is open already
        (load, 0, 0, 24), (equal, 0, 2, 0), (load, 0, 0, 28), (equal, 1, 0, 0), (result, 0, 0, no),
        (result, 0, 0, allow),
    ]  # fmt: skip
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    header = struct.pack("@HP", len(program), ctypes.addressof(code))
    _checked(libc.prctl(_SET_SECCOMP, 2, header, 0, 0), "seccomp")


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
