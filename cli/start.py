"""The command line: what happens before everything else? A halt is set on disk, since the rest takes seconds to import."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime


def main() -> None:
    """What `midwatch` runs."""
    words = sys.argv[1:]
    if words[:1] == ["halt"]:
        from cli.halt_first import halt_first

        halt_first(words[1:], os.environ, datetime.now(UTC))
    from cli.main import main as run

    run()


if __name__ == "__main__":
    main()
