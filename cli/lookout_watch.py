"""The house: who looks at it all the time? Run as `python -m cli.lookout_watch`; it imports next to nothing.

It dies with the house, so a line of cron or a timer of systemd calls `midwatch lookout --tell` besides (docs/watching.md).
"""

from __future__ import annotations

import os
import time
from typing import Final

from cli.home import locate
from cli.lookout_checks import look
from cli.lookout_told import sender, tell
from cli.service import say

EACH_SECONDS: Final = 10.0


def main() -> None:
    """Until the supervisor ends it. What goes wrong here is said, and looked at again."""
    send = sender(locate(os.environ).home, os.environ, say)
    known: tuple[str, ...] = ()
    while True:
        try:
            house = locate(os.environ)
            seen = look(house, os.environ)
            faults = tuple(str(one) for one in seen.faults)
            for line in faults if faults != known else ():
                say(line)
            known = faults
            if line := tell(house.home, seen, send, time.time()):
                say(line)
        except Exception as error:
            say(f"it could not be looked at: {error!r}")
        time.sleep(EACH_SECONDS)


if __name__ == "__main__":
    main()
