"""The house: what ends the group when its supervisor is gone? One small process at the other end of a pipe.

Started by the supervisor as `python -m cli.leash TOKEN`. The pipe on its standard input closes when the
supervisor exits or is killed; then every process of that watch is ended. It is also the supervisor's own last sweep.
"""

from __future__ import annotations

import signal
import sys

from cli import inhabitants


def main() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    inhabitants.end(inhabitants.of_watch(sys.argv[1]))


if __name__ == "__main__":
    main()
