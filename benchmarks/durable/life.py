"""Durable steps: one life of one system, in a process of its own.

    python -m benchmarks.durable.life SYSTEM STEPS LIFE STORE OUTPUT

What was seen is written to OUTPUT as JSON; a life that is to be cut writes nothing and ends by SIGKILL.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
from pathlib import Path
from typing import cast

from benchmarks.durable.work import Life, Work


def main(system: str, steps: str, life: str, store: str, output: str) -> None:
    """Live, and write down what was seen."""
    work = Work(steps=int(steps), life=cast(Life, life), store=Path(store))
    asyncio.run(importlib.import_module(f"benchmarks.durable.{system}").run(work))
    Path(output).write_text(json.dumps(work.seen()))


if __name__ == "__main__":
    main(*sys.argv[1:])
