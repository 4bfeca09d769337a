"""The house: in which time zone is this machine? Schedules and the digest go by it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

VARIABLE: Final = "MIDWATCH_ZONE"
_LINK: Final = Path("/etc/localtime")
_FOLDER: Final = "zoneinfo/"


def name(environ: Mapping[str, str] = os.environ, link: Path = _LINK) -> str:
    """Its IANA name: MIDWATCH_ZONE, TZ, what /etc/localtime points to; UTC where none of them is a zone."""
    target = str(link.resolve()).rpartition(_FOLDER)[2]
    wanted = (environ.get(VARIABLE, ""), environ.get("TZ", "").removeprefix(":"), target)
    return next((zone for zone in wanted if _is_zone(zone)), "UTC")


def here(environ: Mapping[str, str] = os.environ) -> ZoneInfo:
    """The zone itself."""
    return ZoneInfo(name(environ))


def _is_zone(text: str) -> bool:
    try:
        return bool(text) and bool(ZoneInfo(text))
    except (KeyError, ValueError, OSError):
        return False
