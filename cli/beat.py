"""The house: how does a long-lived process say that it works, and what of it does not? By a file in the home, and its age.

A process that lives may do nothing for hours; whoever looks (`cli/lookout_checks.py`) needs nothing of it but this.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Literal

from midwatch.whole_file import write_whole

Part = Literal["keeper", "receiver"]

FILES: Final[dict[Part, str]] = {"keeper": "heartbeat", "receiver": "receiver.heartbeat"}
"""In the home, written again and again: the names of what fails."""
LONGEST_SECONDS: Final = 45.0
"""Between two beats: the keeper's round takes 3 s, and one that revives many runs a few more."""


def beat(home: Path, part: Part, failing: Iterable[str]) -> None:
    """A sign of life, with what fails; whole or not at all."""
    write_whole(home / FILES[part], json.dumps({"failing": sorted(failing)}))


def failing(home: Path, part: Part) -> list[str]:
    """What the last beat named. Raises OSError or ValueError where there is none that can be read."""
    try:
        return [str(name) for name in json.loads((home / FILES[part]).read_text())["failing"]]
    except (KeyError, TypeError) as error:
        raise ValueError("it holds something else") from error


def beaten(home: Path, part: Part) -> float:
    """When, in seconds since the epoch. Raises OSError where it never did."""
    return (home / FILES[part]).stat().st_mtime
