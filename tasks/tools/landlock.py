"""Tools: what holds a command back where bubblewrap cannot start? A program that confines itself, then runs it.

Run by path (`python -I -S landlock.py ROOT FILTER -- COMMAND...`), with nothing but the standard library. A parent stays
behind and ends every descendant when the command ends, is told to stop, or its own parent dies. The child gives up its
capabilities, lets Landlock hold the file system (system folders to read, ROOT and a scratch folder to write), and loads
FILTER, the hexadecimal digits of a seccomp filter (`seccomp.for_landlock`) against what Landlock does not know.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
import sys
from collections.abc import Sequence
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
    "pki/ca-trust/extracted",
    "pki/tls/certs",
    "ssl/certs",
    "ssl/openssl.cnf",
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
PROCESSES: Final = 512
"""More than the user has already. The kernel holds everybody to it but root."""

_GIT: Final = {
    "safe.bareRepository": "explicit",
    "core.fsmonitor": "false",
    "core.hooksPath": "/dev/null",
    "core.pager": "cat",
    "core.attributesFile": "/dev/null",
    "core.sshCommand": "false",
    "credential.helper": "",
    "protocol.ext.allow": "never",
    "commit.gpgSign": "false",
    "tag.gpgSign": "false",
    "log.showSignature": "false",
}
"""Stronger than a repository's own configuration, so that looking at one runs none of its programs."""

ENVIRONMENT: Final = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "false",
    "GIT_CONFIG_COUNT": str(len(_GIT)),
    **{f"GIT_CONFIG_KEY_{place}": key for place, key in enumerate(_GIT)},
    **{f"GIT_CONFIG_VALUE_{place}": value for place, value in enumerate(_GIT.values())},
}
"""All that a command gets to see of ours, beside HOME and TMPDIR."""

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_READ: Final = 1 << 0 | 1 << 2 | 1 << 3
"""Execute, read files, read folders."""
_OF_FILES: Final = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15
"""The rights that a rule on a single file may have."""
_NO_NEW_PRIVS, _SET_SECCOMP, _SUBREAPER, _DEATH_SIGNAL, _DROP_BOUND = 38, 22, 36, 1, 24


def version() -> int:
    """The kernel's Landlock version; 0 where it has none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(_libc().syscall(_CREATE_RULESET, None, 0, 1)))


def main(arguments: Sequence[str]) -> int:
    """Supervise `ROOT FILTER -- COMMAND...`; its exit code, or 128 and the signal's number."""
    root, program, separator, *command = arguments
    if separator != "--" or not command:
        raise SystemExit("usage: landlock.py ROOT FILTER -- COMMAND...")
    libc = _libc()
    libc.prctl(_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
    scratch = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"midwatch-{os.urandom(8).hex()}")  # noqa: S108  # made anew
    os.mkdir(scratch, 0o700)
    try:
        child = os.fork()
        if child == 0:
            _become(libc, root, scratch, bytes.fromhex(program), command)
        signal.signal(signal.SIGTERM, lambda _number, _frame: os.kill(child, signal.SIGKILL))
        return _wait(child)
    finally:
        end_descendants()
        _remove(scratch)


def end_descendants() -> None:
    """Kill every child, and the orphans that become children by it, until the kernel says that none is left."""
    try:
        while True:
            children = _children()
            for pid in children:
                os.kill(pid, signal.SIGKILL)
            os.waitpid(-1, 0 if children else os.WNOHANG)
    except ChildProcessError:
        return


def _remove(scratch: str) -> None:
    try:
        os.rmdir(scratch)
    except OSError:
        import shutil  # takes longer to load than most commands take to run, and few leave anything

        shutil.rmtree(scratch, ignore_errors=True)


def _children() -> list[int]:
    try:
        return [int(pid) for pid in _text(f"/proc/self/task/{os.getpid()}/children").split()]
    except OSError:
        return _searched()  # a kernel without that list


def _searched() -> list[int]:
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                state = _text(f"/proc/{entry}/stat")
            except OSError:
                continue
            if int(state.rpartition(")")[2].split()[1]) == os.getpid():
                found.append(int(entry))
    return found


def _text(path: str) -> str:
    with open(path) as file:
        return file.read()


def _wait(child: int) -> int:
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return 128 - code if code < 0 else code


def _become(libc: ctypes.CDLL, root: str, scratch: str, program: bytes, command: Sequence[str]) -> None:
    """The child: never returns to the caller's code."""
    try:
        libc.prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        for limit, most in {**LIMITS, resource.RLIMIT_NPROC: PROCESSES + _running()}.items():
            hard = resource.getrlimit(limit)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(limit, (most, most))
        os.chdir(root)
        confine(libc, [root, scratch], program)
        environment = {**ENVIRONMENT, "HOME": scratch, "TMPDIR": scratch}
        os.execvpe(command[0], list(command), environment)  # noqa: S606  # on purpose: no shell
    except FileNotFoundError:
        print(f"{command[0]}: not found", file=sys.stderr, flush=True)
        os._exit(127)
    except BaseException as error:
        print(f"sandbox: {error}", file=sys.stderr, flush=True)
        os._exit(126)


def _running() -> int:
    """The processes and threads of this user, which the kernel counts together; of root it counts none."""
    if os.getuid() == 0:
        return 0
    mine = [entry for entry in os.scandir("/proc") if entry.name.isdigit() and _owner(entry) == os.getuid()]
    return sum(len(_listed(f"{entry.path}/task")) for entry in mine)


def _owner(entry: os.DirEntry[str]) -> int | None:
    try:
        return entry.stat().st_uid
    except OSError:
        return None


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def confine(libc: ctypes.CDLL, writable: Sequence[str], program: bytes) -> None:
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
    _filter_calls(libc, program)


def _allow(libc: ctypes.CDLL, rules: int, path: str, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    allowed = access if os.path.isdir(path) else access & _OF_FILES
    _checked(libc.syscall(_ADD_RULE, rules, 1, struct.pack("=Qi", allowed, descriptor), 0), path)
    os.close(descriptor)


def _filter_calls(libc: ctypes.CDLL, program: bytes) -> None:
    """Load the seccomp filter."""
    code = ctypes.create_string_buffer(program)
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
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
