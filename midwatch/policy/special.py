"""Permissions: programs whose arguments say more than options do: a script, a goal, an address, a clock."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Final

from midwatch.policy.options import operands
from midwatch.policy.programs import PROGRAMS, URL_PROGRAMS
from midwatch.policy.scripts import is_plain_awk, is_plain_jq, is_plain_sed
from midwatch.policy.words import Argv

_SED_SCRIPT_NEXT: Final = re.compile(r"-[nErsuz]*e")
_SQLITE_BEYOND: Final = re.compile(r"^\s*\.|\n\s*\.|attach|edit\s*\(|file|load_extension|vacuum", re.IGNORECASE)
_MAKE_GOAL: Final = re.compile(r"-.*|[\w./%+,-]+", re.DOTALL)
_ELSEWHERE: Final = re.compile(r"[/@~]|(?:.*/)?\.\.(?:/|$)")


def _sed(extra: Argv) -> str:
    words = [word.text for word in extra]
    scripts = [after for word, after in pairwise(words) if word == "--expression" or _SED_SCRIPT_NEXT.fullmatch(word)]
    scripts += [word.partition("=")[2] for word in words if word.startswith("--expression=")]
    if any(re.match(r"-[^-]*e.", word) for word in words):
        return "write `-e` and its script as two words"
    scripts = scripts or [word.text for word in operands(PROGRAMS["sed"], extra)][:1]
    strange = next((script for script in scripts if not is_plain_sed(script)), None)
    return f"the sed script `{strange}` is more than printing, deleting and replacing" if strange is not None else ""


def _awk(extra: Argv) -> str:
    programs = [word.text for word in operands(PROGRAMS["awk"], extra)][:1]
    strange = next((text for text in programs if not is_plain_awk(text)), None)
    return f"the awk program `{strange}` may run a program or open a file" if strange is not None else ""


def _jq(extra: Argv) -> str:
    strange = next((word.text for word in extra if not is_plain_jq(word.text)), None)
    return f"the jq program `{strange}` looks at the environment or reads a module" if strange is not None else ""


def _sqlite(extra: Argv) -> str:
    strange = next((word.text for word in extra[1:] if _SQLITE_BEYOND.search(word.text)), None)
    return f"`{strange}` may run a program or open another file" if strange is not None else ""


def _make(extra: Argv) -> str:
    strange = next((word.text for word in extra if not _MAKE_GOAL.fullmatch(word.text)), None)
    return f"`{strange}` is not the plain name of a goal: it may set what make runs" if strange is not None else ""


def _date(extra: Argv) -> str:
    strange = next((word.text for word in operands(PROGRAMS["date"], extra) if not word.text.startswith("+")), None)
    return f"`{strange}` would set the clock" if strange is not None else ""


def _kubectl(extra: Argv) -> str:
    strange = next((word.text for word in extra if "-file" in word.text), None)
    return f"`{strange}` reads a template from elsewhere" if strange is not None else ""


def _pytest(extra: Argv) -> str:
    strange = next((word.text for word in extra if _ELSEWHERE.match(word.text)), None)
    return f"`{strange}` may hold tests, options or a configuration from elsewhere" if strange is not None else ""


def _no_url(extra: Argv) -> str:
    reached = next((word.text for word in extra if not word.text.startswith("-")), "")
    return f"the rule does not name the address `{reached}`" if reached else ""


def _tar(extra: Argv) -> str:
    if not extra or not re.fullmatch(r"-?t[vfzjJ]*|--list", extra[0].text):
        return "only listing (`tar tf FILE`) is ordinary; name the rest in the rule"
    return next((f"`{word.text}` may name another machine" for word in extra if ":" in word.text), "")


_SPECIAL: Final[dict[str, Callable[[Argv], str]]] = {
    **dict.fromkeys(("awk", "gawk", "mawk"), _awk),
    "date": _date,
    "jq": _jq,
    "kubectl": _kubectl,
    "make": _make,
    "pytest": _pytest,
    "sed": _sed,
    "sqlite3": _sqlite,
    "tar": _tar,
    **dict.fromkeys(URL_PROGRAMS, _no_url),
}


def special(name: str, extra: Argv) -> str:
    """Why ` ...` does not grant these arguments of `name`; "" when it does, or when `name` is none of these programs."""
    check = _SPECIAL.get(name)
    return check(extra) if check else ""
