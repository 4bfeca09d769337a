"""What a benchmark has found: how is it written down, and how is it shown?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console


def tell(found: Any, show: Callable[[Console], None], *, output: Path | None, as_json: bool) -> None:
    """Write it down, and print it.

    Args:
        found: what JSON can hold.
        show: prints it for a person.
        output: None where it is not the whole measurement, which is then written nowhere.
        as_json: print what is written, instead.
    """
    written = json.dumps(found, indent=1)
    if output is not None:
        output.parent.mkdir(exist_ok=True)
        output.write_text(written + "\n")
    if as_json:
        print(written)
    else:
        show(Console(highlight=False))
