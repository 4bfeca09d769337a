"""The command line: is it a person who types? Every command that one types says that somebody is there."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from cli.home import locate

SEEN = "seen"
"""File in the home; the keeper reads its age (`cli/watches.py`)."""


def sign_of_life() -> None:
    """Touch the file, where a person sits at a terminal; a line of cron, or an agent's shell, is no person."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return
    with suppress(Exception):  # it is never worth a command's failure
        home = locate(os.environ).home
        if home.is_dir():
            (home / SEEN).touch(mode=0o600)
