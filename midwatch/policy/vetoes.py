"""Permissions: does an argument go beyond the ordinary use that a rule's ` ...` grants? The tables are in `programs`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Final

from midwatch.policy.commands import Argv
from midwatch.policy.programs import (
    GIT_LOOKS,
    GIT_SHORT,
    GIT_TAKES,
    INTERPRETERS,
    LOOKERS,
    PROGRAMS,
    READERS,
    SUSPICIOUS,
    SUSPICIOUS_SHORT,
    URL_PROGRAMS,
    WRAPPERS,
    Options,
)
from midwatch.policy.words import Word
from midwatch.policy.wrappers import behind, program

_BEYOND: Final = "can run another program, write a file or read its configuration from elsewhere"


def vetoed(fixed: Argv, extra: Argv) -> str:
    """Why ` ...` does not grant `extra` behind `fixed`, the words that the rule spells out; "" when it does."""
    name = fixed[0].text
    if any(word.glob for word in extra) and name not in READERS:
        return f"`{name}` would be given file names as options: name the files"
    if name in WRAPPERS:
        return _wrapper(fixed, extra)
    if name in INTERPRETERS:
        return _interpreter(fixed, extra)
    if name == "git":
        return _git(fixed, extra)
    options = PROGRAMS.get(name)
    if options is None:
        return _suspicious(extra)
    return _beyond(options, extra) or _special(name, extra)


def beyond_options(fixed: Argv, extra: Argv) -> str:
    """The same for the options alone, where something else judges the other arguments."""
    return _beyond(PROGRAMS[fixed[0].text], extra)


def _wrapper(fixed: Argv, extra: Argv) -> str:
    inner = list(behind(fixed[1:], WRAPPERS[fixed[0].text]))
    if not inner or _may_be_a_value(fixed, inner[-1]):
        return f"the rule does not name the program that `{fixed[0].text}` runs"
    if fixed[0].text == "xargs" and program(inner[-1]) not in READERS:
        return f"`{program(inner[-1])}` would be given whatever is in its input as options"
    return next((why for argv in inner if (why := vetoed(argv, extra))), "")


def _may_be_a_value(fixed: Argv, inner: Argv) -> bool:
    """What looks like the program stands right behind an option, and is none that is known."""
    return fixed[-len(inner) - 1].text.startswith("-") and program(inner) not in PROGRAMS


def _interpreter(fixed: Argv, extra: Argv) -> str:
    """A script that the rule names, or that stands first, has the rest for its own arguments; a module is a program."""
    if len(fixed) > 2 and fixed[1].text == "-m":
        return vetoed(fixed[2:], extra)
    if any(not word.text.startswith("-") for word in fixed[1:]):
        return ""
    if not extra:
        return f"`{fixed[0].text}` would run what is in its input"
    return f"`{extra[0].text}` in front of a script" if extra[0].text.startswith("-") else ""


def _git(fixed: Argv, extra: Argv) -> str:
    if len(fixed) == 1 and not extra:
        return ""
    command, behind = (fixed[1].text, extra) if len(fixed) > 1 else (extra[0].text, extra[1:])
    if command.startswith("-"):
        return f"Git's option `{command}` in front of the subcommand"
    if remote := next((word.text for word in behind if "::" in word.text and not word.text.startswith("-")), ""):
        return f"`{remote}` may name a program as a remote"
    short = GIT_SHORT.get(command, "") + "O"
    return _beyond(replace(PROGRAMS["git"], short=short, takes=GIT_TAKES.get(command, "")), behind)


def _suspicious(extra: Argv) -> str:
    """The last resort, for a program that the tables do not know."""
    for word in extra:
        name = word.text.partition("=")[0]
        long = name.startswith("--") and any(part in name.lower() for part in SUSPICIOUS)
        if long or any(letter in SUSPICIOUS_SHORT for letter in _letters(word, Options())):
            return f"its option `{name}` may run a program, write a file or read configuration from elsewhere"
    return ""


def only_looks(argv: Argv) -> bool:
    """The command changes none of the files that it names."""
    name = program(argv)
    if name not in LOOKERS or (name == "git" and not (len(argv) > 1 and argv[1].text in GIT_LOOKS)):
        return False
    return name in READERS or not vetoed((Word(text=name),), argv[1:])


def _beyond(options: Options, extra: Argv) -> str:
    for word in extra:
        if why := _option_beyond(options, word):
            return why
    others = [word for word in extra if not word.text.startswith("-") or word.text == "-"]
    if options.positionals is not None and len(others) > options.positionals:
        return f"`{others[options.positionals].text}` would be written to"
    return ""


def _option_beyond(options: Options, word: Word) -> str:
    name = word.text.partition("=")[0]
    if name in options.words:
        return f"`{name}` {_BEYOND}"
    if not name.startswith("-") or name in ("-", "--"):
        return ""
    if options.only is not None:
        return "" if _is_only(options, word) else f"its option `{name}` is not on the list of harmless ones"
    if name.startswith("--"):
        bad = name not in options.safe and any(long == name or long.startswith(name) for long in options.long)
        return f"its option `{name}` {_BEYOND}" if bad else ""
    letter = next((letter for letter in _letters(word, options) if letter in options.short), "")
    return f"its option `-{letter}` {_BEYOND}" if letter else ""


def _letters(word: Word, options: Options) -> Iterator[str]:
    """The short options in `word`: those of a cluster up to one whose value is the rest."""
    if not word.text.startswith("-") or word.text.startswith("--"):
        return
    for letter in word.text[1:]:
        yield letter
        if letter in options.takes:
            return


def _is_only(options: Options, word: Word) -> bool:
    allowed = options.only or ()
    if word.text.startswith("--"):
        return word.text.partition("=")[0] in allowed
    return all(f"-{letter}" in allowed or letter.isdigit() for letter in _letters(word, options))


# --- programs whose arguments are programs themselves ---------------------------------------------------------------

_SED_ADDRESS: Final = r"(?:\d+|\$|/(?:[^/\\\n]|\\.)*/)"
_SED: Final = re.compile(
    rf"\s*(?:{_SED_ADDRESS}(?:,\+?{_SED_ADDRESS})?)?\s*!?\s*"
    r"(?:[pdqQlnNhHgGxD=]|s(?P<d>[/|#,:@!])(?:(?!(?P=d))[^\\\n]|\\.)*(?P=d)(?:(?!(?P=d))[^\\\n]|\\.)*(?P=d)[gIip0-9]*)"
    r"\s*(?:;|\Z)"
)
"""One command of a sed script that prints, deletes or replaces, and nothing else."""

_AWK_BEYOND: Final = re.compile(r"system|getline|[|@]|print.*>", re.DOTALL)


def _sed(extra: Argv) -> str:
    words = [word.text for word in extra]
    if any(re.match(r"-[^-]*e.|-[^-]+e", word) for word in words):
        return "write `-e` and its script as two words"
    scripts = [after for word, after in pairwise(words) if word in ("-e", "--expression")]
    scripts += [word.partition("=")[2] for word in words if word.startswith("--expression=")]
    scripts = scripts or [word for word in words if not word.startswith("-")][:1]
    strange = next((script for script in scripts if not _is_plain_sed(script)), None)
    return f"the sed script `{strange}` is more than printing, deleting and replacing" if strange is not None else ""


def _is_plain_sed(script: str) -> bool:
    place = 0
    while place < len(script):
        match = _SED.match(script, place)
        if not match:
            return False
        place = match.end()
    return True


def _awk(extra: Argv) -> str:
    programs = [word.text for word in extra if not re.match(r"-F|\|$", word.text)]
    strange = next((text for text in programs if _AWK_BEYOND.search(text)), None)
    return f"the awk program `{strange}` may run a program or write a file" if strange is not None else ""


def _no_url(extra: Argv) -> str:
    reached = next((word.text for word in extra if not word.text.startswith("-")), "")
    return f"the rule does not name the address `{reached}`" if reached else ""


def _tar(extra: Argv) -> str:
    if not extra or not re.fullmatch(r"-?t[vfzjJ]*|--list", extra[0].text):
        return "only listing (`tar tf FILE`) is ordinary; name the rest in the rule"
    return next((f"`{word.text}` may name another machine" for word in extra if ":" in word.text), "")


_SPECIAL: Final[dict[str, Callable[[Argv], str]]] = {
    "sed": _sed,
    "awk": _awk,
    "gawk": _awk,
    "mawk": _awk,
    "tar": _tar,
    **dict.fromkeys(URL_PROGRAMS, _no_url),
}


def _special(name: str, extra: Argv) -> str:
    check = _SPECIAL.get(name)
    return check(extra) if check else ""
