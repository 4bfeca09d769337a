"""Tools: how does a command without a network reach the run's proxy? By a port that this program hands to the run.

Run by path inside the sandbox (`python -I -S listener.py DESCRIPTOR PORT COMMAND...`), with nothing but the standard
library. It listens on the loopback of the sandbox's own network, sends the listening socket over the descriptor and becomes
the command. Whoever accepts there is outside; nothing but this one port leads there.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str]) -> None:
    """Never returns."""
    descriptor, port, *command = arguments
    with (
        socket.create_server(("127.0.0.1", int(port)), backlog=64) as listener,
        socket.socket(fileno=int(descriptor)) as run,
    ):
        socket.send_fds(run, [b"listening"], [listener.fileno()])
    os.execvp(command[0], command)  # noqa: S606  # on purpose: no shell


if __name__ == "__main__":
    main(sys.argv[1:])
