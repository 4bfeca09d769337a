"""A run's id: how is it written where there is little room?"""

from __future__ import annotations

from typing import Final

SHORT: Final = 8
"""Characters of the short form."""


def short(run_id: str) -> str:
    """The end of the id: its beginning is a time (UUIDv7), which the runs of one batch share."""
    return run_id[-SHORT:]
