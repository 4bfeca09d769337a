"""A file that is replaced in one step: whoever reads it sees the old one or the new one, never half of one.

Imports next to nothing: what is to be quick or small writes files, too.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

DRAFT: Final = "draft."
"""With what the name of one begins that is not whole yet."""


def write_whole(path: Path, text: str, *, mode: int = 0o600, sync: bool = False) -> None:
    """Put `text` in the place of what is in `path`. Of two who do so at once the later one's stands.

    Args:
        mode: of the new file, whatever the umask.
        sync: the text is on the disk before the name is; the name itself is not waited for.

    Raises:
        OSError: it could not be written, and what was there still is.
    """
    draft = path.with_name(f"{DRAFT}{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(text.encode())
            file.flush()
            if sync:
                os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(draft)
        raise
