"""Permissions: which files does no rule ever open? Keys and secrets, and what governs the agent itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SECRETS: Final = (
    ".env",
    ".env.*",
    ".envrc",
    ".netrc",
    ".pgpass",
    ".git-credentials",
    ".pypirc",
    ".npmrc",
    ".htpasswd",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ecdsa_sk",
    "id_ed25519",
    "id_ed25519_sk",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.kdbx",
)
"""Names that are neither read nor written, wherever they are. `*` within one name."""

EXAMPLES: Final = frozenset({".env.example", ".env.sample", ".env.template", ".env.dist"})
"""Names that look like a secret's and are made to be read."""

SECRET_FOLDERS: Final = frozenset({".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".midwatch"})
"""Neither they nor anything in them is read or written."""

_SECRET: Final = re.compile("|".join(f"(?:{re.escape(name).replace(chr(92) + '*', '.*')})" for name in SECRETS), re.S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Protected:
    """The answer for one project. Paths are absolute and folded (`paths.folded_path`)."""

    closed: tuple[str, ...]
    """Neither read nor written, with all that is under them: Midwatch's own state."""
    governing: tuple[str, ...]
    """Never written: the agents' files and rules, what runs them and when."""

    def why(self, path: str, *, writes: bool) -> str:
        """What `path` is, if nobody may open it so; "" otherwise."""
        names = path.split("/")
        if any(_SECRET.fullmatch(name) and name not in EXAMPLES for name in names):
            return "a file that keeps secrets or keys"
        if SECRET_FOLDERS.intersection(names) or _within(path, self.closed):
            return "in a folder that keeps secrets or Midwatch's own state"
        if path.endswith(("/.git/config", "/.git/credentials")):
            return "Git's own configuration, which may hold credentials"
        if writes and ".git" in names:
            return "inside Git's own folder, where a file can become a program"
        if writes and "__pycache__" in names:
            return "among the compiled files that Python runs in place of the source"
        return "one of the files that govern the agents" if writes and _within(path, self.governing) else ""


def _within(path: str, folders: tuple[str, ...]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def governing_of(project: Path) -> tuple[Path, ...]:
    """What no agent may write in `project`."""
    return (project / "agents", project / "prefect.yaml", project / ".venv")
