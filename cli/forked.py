"""The house: how does a fork of the warm process become what was asked for? As a fresh Python would have been it.

Where a fresh Python would have started in another way (other search path, other settings of Prefect), it becomes one.
"""

from __future__ import annotations

import importlib
import os
import runpy
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

READ_AT_START = ("PYTHON", "LD_", "DYLD_", "LC_", "LANG", "SSL_", "OPENSSL_", "DO_NOT_TRACK")
"""Beginnings of the variables that Python and libraries read as they start: for a child that was before the fork."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a child is to be."""

    argv: list[str]
    """`-m MODULE ARGUMENT ...`"""
    cwd: str
    environment: dict[str, str]
    stdio: list[int]
    """The caller's standard streams."""


def become(request: Request) -> None:
    """Run what was asked for, in this process; returns when that has ended."""
    os.setpgid(0, 0)
    for number, descriptor in enumerate(request.stdio):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(request.cwd)
    before = read_at_start(os.environ)
    os.environ.clear()
    os.environ.update(request.environment)
    if read_at_start(os.environ) != before or not same_settings():
        os.execv(sys.executable, [sys.executable, *request.argv])  # noqa: S606  # no shell, as meant
    time.tzset()
    _, module, *_ = request.argv
    sys.argv = request.argv[1:]
    if not sys.flags.safe_path:
        sys.path[0] = request.cwd
    importlib.invalidate_caches()
    sys.modules.pop(module, None)  # it is run, not imported
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def read_at_start(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if name.startswith(READ_AT_START)}


def same_settings() -> bool:
    """Whether Prefect's settings, now read anew, are those under which it was imported. The worker spells them otherwise."""
    context = importlib.import_module("prefect.context")
    before = context.GLOBAL_SETTINGS_CONTEXT
    context.refresh_global_settings_context()
    return bool(before == context.GLOBAL_SETTINGS_CONTEXT)
