"""The ledger: where is it? A URL in the environment, a block in Prefect's database, or one file in Midwatch's home."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

VARIABLE: Final = "MIDWATCH_LEDGER_URL"
BLOCK: Final = "block:"
"""In front of the name of a Prefect Block that holds the URL (`blocks/ledger.py`)."""


def location(home: Path, environ: Mapping[str, str] = os.environ) -> str:
    """What MIDWATCH_LEDGER_URL says (a SQLAlchemy URL, or `block:NAME`); without it, `home`/ledger.db."""
    return environ.get(VARIABLE) or f"sqlite+aiosqlite:///{home / 'ledger.db'}"
