"""Tools: what may Git read of a repository's configuration? What names no program, and none of its credentials.

A repository's configuration can name programs that `git status` or `git diff` runs: a monitor, a filter, a text converter,
an editor, an alias. In the sandbox Git sees a copy with the keys that are listed here, and no others.
"""

from __future__ import annotations

import re
import subprocess
from typing import Final

_GIT_SECONDS: Final = 10.0

_KEYS: Final = re.compile(
    r"core\.(?:repositoryformatversion|filemode|bare|ignorecase|symlinks|autocrlf|eol|precomposeunicode|logallrefupdates"
    r"|quotepath|abbrev|compression|sparsecheckout|sparsecheckoutcone|whitespace|worktree)"
    r"|extensions\.\w+|user\.(?:name|email)|init\.defaultbranch|i18n\.\w+|color\.[\w.]+|feature\.\w+|index\.\w+|gc\.auto"
    r"|remote\..+\.(?:url|pushurl|fetch|push|tagopt|prune|promisor|partialclonefilter)"
    r"|branch\..+\.(?:remote|merge|rebase|pushremote|description)|submodule\..+\.(?:url|active|branch)"
    r"|(?:pull|push|fetch|merge|rebase|status|commit|tag|log|diff)"
    r"\.(?:rebase|ff|default|autosetupremote|followtags|prune|conflictstyle|autostash|autosquash|renames|algorithm"
    r"|mnemonicprefix|noprefix|context|showuntrackedfiles|branch|short|date|decorate|follow|sort|verbose)"
)
"""Whole keys as Git lists them: section and name in small letters."""

_LOGIN: Final = re.compile(r"(?<=://)[^/@]*@")
_QUOTED: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\t": r"\t", "\b": r"\b"})


def harmless(path: str) -> str:
    """The copy of the configuration file at `path`; empty where Git is missing or cannot read it.

    Git itself reads it: listing a file runs nothing, and includes are not followed.
    """
    argv = ["git", "config", "--file", path, "--no-includes", "--null", "--list"]
    try:
        listed = subprocess.run(argv, capture_output=True, timeout=_GIT_SECONDS, check=True, env={}, cwd="/").stdout
    except (OSError, subprocess.SubprocessError):
        return ""
    return "".join(_entry(one) for one in listed.decode("utf-8", "replace").split("\0") if one)


def _entry(listed: str) -> str:
    key, separator, value = listed.partition("\n")
    if not _KEYS.fullmatch(key) or (key.endswith("url") and "::" in value):
        return ""
    section, _, rest = key.partition(".")
    part, _, name = rest.rpartition(".")
    head = f'[{section} "{_quoted(part)}"]' if part else f"[{section}]"
    shown = _LOGIN.sub("", value) if key.endswith("url") else value
    return f'{head}\n\t{name} = "{_quoted(shown)}"\n' if separator else f"{head}\n\t{name}\n"


def _quoted(text: str) -> str:
    return text.translate(_QUOTED)
