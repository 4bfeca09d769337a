"""Machine report: what does systemd say of its units and of the last day's errors, where it runs?"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from agents.machine_report.figures import Units

_TIMEOUT: Final = 1.0


def failed_units() -> Units:
    """The failed units, or why nobody could be asked."""
    if not _runs():
        return Units(failed=(), unavailable="systemd does not run here")
    lines = _lines("systemctl", "list-units", "--failed", "--plain", "--no-legend", "--no-pager")
    if lines is None:
        return Units(failed=(), unavailable="systemd did not answer")
    return Units(failed=tuple(unit_name(line) for line in lines if line.split()))


def journal_errors() -> int | None:
    """Lines of priority error and above since yesterday, counted up to 200; None where there is no journal to read."""
    if not _runs():
        return None
    lines = _lines("journalctl", "-q", "-p", "err", "-S", "-24h", "-n", "200", "-o", "cat", "--no-pager")
    return None if lines is None else len(lines)


def unit_name(line: str) -> str:
    """The first word of a line of `systemctl list-units`, with what a unit's name may hold and nothing else."""
    return "".join(char for char in line.split()[0] if char.isalnum() or char in "@.-_:\\")[:80]


def _runs() -> bool:
    return Path("/run/systemd/system").is_dir()


def _lines(*command: str) -> list[str] | None:
    program = shutil.which(command[0])
    if program is None:
        return None
    try:
        answer = subprocess.run([program, *command[1:]], capture_output=True, text=True, timeout=_TIMEOUT, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.splitlines()
