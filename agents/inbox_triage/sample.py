"""Inbox triage: a mailbox to try it on. `python -m agents.inbox_triage.sample` copies the examples into `mail/inbox/`.

The agent moves what it files, so it never works on `examples/inbox/` itself.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path


def lay_out(project: Path, inbox: Path = Path("mail/inbox"), *, at_most: int | None = None) -> int:
    """Copy the first `at_most` examples into `inbox`; what lies there already stays. Returns how many are there."""
    target = project / inbox
    target.mkdir(parents=True, exist_ok=True)
    for message in sorted((project / "examples" / "inbox").glob("*.eml"))[:at_most]:
        if not (target / message.name).exists():
            shutil.copyfile(message, target / message.name)
    return len(list(target.glob("*.eml")))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Copy the example messages into an inbox.")
    parser.add_argument("--inbox", type=Path, default=Path("mail/inbox"))
    parser.add_argument("--at-most", type=int)
    options = parser.parse_args()
    count = lay_out(Path.cwd(), options.inbox, at_most=options.at_most)
    print(f"{count} messages in {options.inbox}")
