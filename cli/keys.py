"""The house: which secrets does it keep, and can only their owner read them?"""

from __future__ import annotations

import base64
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from midwatch.errors import HouseError


def new_password() -> str:
    """Prefect's auth string, `user:password`, with 192 random bits."""
    return f"midwatch:{secrets.token_urlsafe(24)}"


def new_encryption_key() -> str:
    """A Fernet key: 32 random bytes, URL-safe base64."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def kept(path: Path, make: Callable[[], str]) -> str:
    """The secret in `path`, made by `make` the first time.

    Raises HouseError when another user owns the file or could read it: what others may have seen is no secret.
    """
    if not path.exists():
        _write_once(path, make())
    return read(path)


def read(path: Path) -> str:
    """The secret in `path`. Raises HouseError when it is missing, empty, somebody else's, or readable by others."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise HouseError(f"{path} cannot be read ({error.strerror}): `midwatch up` makes it") from error
    with os.fdopen(descriptor) as file:
        facts = os.fstat(descriptor)
        if facts.st_uid != os.geteuid():
            raise HouseError(f"{path} belongs to another user: remove it, and `midwatch up` makes a new one")
        if stat.S_IMODE(facts.st_mode) & 0o077:
            mode = stat.S_IMODE(facts.st_mode)
            raise HouseError(f"{path} has mode {mode:o}: others can read it. Remove it, `midwatch up` makes a new one")
        text = file.read().strip()
    if not text:
        raise HouseError(f"{path} is empty: remove it, and `midwatch up` makes a new one")
    return text


def _write_once(path: Path, secret: str) -> None:
    """Whole or not at all, never over an existing file, and never readable by others for an instant."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{secret}\n")
        os.link(draft, path)
    except FileExistsError:
        pass  # another `midwatch up` was quicker: its secret stands
    finally:
        draft.unlink()
