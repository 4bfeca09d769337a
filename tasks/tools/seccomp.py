"""Tools: which system calls does a command never need? A filter for the kernel: all but these are allowed.

Both sandboxes load it. What is refused fails with EPERM, so that a program says so; the calls of another machine (32 bits)
end the process, as their numbers mean something else.
"""

from __future__ import annotations

import platform
import struct
import sys
from collections.abc import Iterator
from typing import Final

REFUSED: Final[dict[str, tuple[int, int]]] = {
    # looking into other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "perf_event_open": (298, 241),
    # another view of the file system
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428),
    "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "open_tree_attr": (467, 467), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "quotactl": (179, 60), "quotactl_fd": (443, 443), "acct": (163, 89),
    # namespaces
    "unshare": (272, 97), "setns": (308, 268),
    # the kernel's keys, programs, modules and clocks
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "bpf": (321, 280), "userfaultfd": (323, 282),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225),
    "sethostname": (170, 161), "setdomainname": (171, 162), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "syslog": (103, 116), "vhangup": (153, 58),
    # work that other filters do not see
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
}  # fmt: skip
"""What no command needs, by x86_64's and aarch64's numbers."""

_X86: Final = (172, 173, 154, 134)
"""iopl, ioperm, modify_ldt, uselib: this machine's alone."""

_UNKNOWN_TO_LANDLOCK: Final[dict[str, tuple[int, int]]] = {
    "socket": (41, 198),
    "truncate": (76, 45), "fchmodat": (268, 53), "fchmodat2": (452, 452), "fchownat": (260, 54),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "setxattrat": (463, 463), "removexattrat": (466, 466),
    "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
}  # fmt: skip
"""Changing files by path in ways that Landlock does not judge, and what reaches other processes."""

_UNKNOWN_X86: Final = (90, 92, 94, 132, 235, 261)
"""chmod, chown, lchown, utime, utimes, futimesat."""

_SIGNALS: Final = {"x86_64": (62, 200, 234, 129, 297, 424), "aarch64": (129, 130, 131, 138, 240, 424)}
"""kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo, pidfd_send_signal."""

_ARCHITECTURE: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE: Final = {"x86_64": 56, "aarch64": 220}
_CLONE3: Final = 435
_IOCTL: Final = {"x86_64": 16, "aarch64": 29}
_UTIMENSAT: Final = {"x86_64": 280, "aarch64": 88}
_NEW_NAMESPACES: Final = 0x7E020000
_TYPED_FOR_YOU: Final = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX: they type into the terminal of whoever started the sandbox."""

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RESULT = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _EPERM, _ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
_FIRST, _SECOND = 16, 24
"""Where the lower halves of a call's first two arguments are."""

_Line = tuple[int, int, int, int]


def known() -> bool:
    """This machine's system calls are written down here: on another one there is no Landlock for a command."""
    return sys.platform == "linux" and platform.machine() in _ARCHITECTURE


def for_bubblewrap() -> bytes:
    """The filter where namespaces hold files, network and processes; on an unknown machine it allows every call."""
    return _packed([*(_common() if known() else ()), (_RESULT, 0, 0, _ALLOW)])


def for_landlock(version: int) -> bytes:
    """The filter where Landlock of this version holds files: no sockets, no modes, owners and times by path.

    Signals are refused too where the kernel's Landlock has no scope for them (before 6).
    """
    machine = platform.machine()
    refused = [*_of_machine(_UNKNOWN_TO_LANDLOCK), *(_UNKNOWN_X86 if machine == "x86_64" else ())]
    refused += [] if version >= 6 else _SIGNALS[machine]
    with_a_path: list[_Line] = [  # utimensat without one is about a file that is open already
        (_EQUAL, 0, 5, _UTIMENSAT[machine]),
        (_LOAD, 0, 0, 24), (_EQUAL, 0, 2, 0), (_LOAD, 0, 0, 28), (_EQUAL, 1, 0, 0), (_RESULT, 0, 0, _EPERM),
    ]  # fmt: skip
    return _packed([*_common(), *_refusals(refused), *with_a_path, (_RESULT, 0, 0, _ALLOW)])


def _common() -> Iterator[_Line]:
    machine = platform.machine()
    yield from [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, _ARCHITECTURE[machine]), (_RESULT, 0, 0, _KILL)]
    yield from [(_LOAD, 0, 0, 0), (_AT_LEAST, 0, 1, 0x40000000), (_RESULT, 0, 0, _KILL)]
    yield from [(_EQUAL, 0, 1, _CLONE3), (_RESULT, 0, 0, _ENOSYS)]  # libraries fall back to clone, whose flags are seen
    yield from [(_EQUAL, 0, 4, _CLONE[machine]), (_LOAD, 0, 0, _FIRST), (_ANY_BIT, 0, 1, _NEW_NAMESPACES)]
    yield from [(_RESULT, 0, 0, _EPERM), (_LOAD, 0, 0, 0)]
    first, second = _TYPED_FOR_YOU
    yield from [(_EQUAL, 0, 5, _IOCTL[machine]), (_LOAD, 0, 0, _SECOND), (_EQUAL, 1, 0, first), (_EQUAL, 0, 1, second)]
    yield from [(_RESULT, 0, 0, _EPERM), (_LOAD, 0, 0, 0)]
    yield from _refusals([*_of_machine(REFUSED), *(_X86 if machine == "x86_64" else ())])


def _of_machine(numbers: dict[str, tuple[int, int]]) -> list[int]:
    place = 0 if platform.machine() == "x86_64" else 1
    return [both[place] for both in numbers.values()]


def _refusals(numbers: list[int]) -> Iterator[_Line]:
    for number in numbers:
        yield (_EQUAL, 0, 1, number)
        yield (_RESULT, 0, 0, _EPERM)


def _packed(lines: list[_Line]) -> bytes:
    """The program as the kernel takes it (`struct sock_filter`), in this machine's byte order."""
    return b"".join(struct.pack("=HBBI", *line) for line in lines)
