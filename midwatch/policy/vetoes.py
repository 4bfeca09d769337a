"""Permissions: does an argument go beyond the ordinary use that a rule's ` ...` grants? The tables are in `programs`."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from midwatch.policy.git_options import (
    GIT_CONFIG_READS,
    GIT_LOOKS,
    GIT_ORDINARY,
    GIT_SHORT,
    GIT_TAKES,
    GIT_WORDS,
)
from midwatch.policy.options import Options, before_the_end, is_only, letters_of, operands
from midwatch.policy.programs import (
    INTERPRETERS,
    LOOKERS,
    PROGRAMS,
    READERS,
    SUSPICIOUS,
    SUSPICIOUS_SHORT,
    WRAPPERS,
)
from midwatch.policy.special import special
from midwatch.policy.words import Argv, Word
from midwatch.policy.wrappers import behind, program

_BEYOND: Final = "can run another program, write a file or read its configuration from elsewhere"

_REMOTE_PROGRAM: Final = re.compile(r"(?:^|=)[A-Za-z][A-Za-z0-9+.-]*::")
_SIGNATURE: Final = re.compile(r"%(?:[<>]+\([^)]*\))?[+ -]?G|%\(signature")


def vetoed(fixed: Argv, extra: Argv) -> str:
    """Why ` ...` does not grant `extra` behind `fixed`, the words that the rule spells out; "" when it does."""
    name = fixed[0].text
    if name in WRAPPERS:
        return _wildcards(name, None, extra) or _wrapper(fixed, extra)
    if name in INTERPRETERS:
        return _wildcards(name, None, extra) or _interpreter(fixed, extra)
    if name == "git":
        return _git(fixed, extra)
    options = PROGRAMS.get(name)
    if options is None:
        return _wildcards(name, None, extra) or _suspicious(extra)
    return (
        _wildcards(name, options, extra)
        or _subcommand(options, fixed, extra)
        or _beyond(options, extra)
        or special(name, extra)
    )


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
    if any(not word.text.startswith(("-", "+")) for word in fixed[1:]):
        return ""
    if not extra:
        return f"`{fixed[0].text}` would run what is in its input"
    return f"`{extra[0].text}` in front of a script" if extra[0].text.startswith(("-", "+")) else ""


def _git(fixed: Argv, extra: Argv) -> str:
    if len(fixed) == 1 and not extra:
        return ""
    command, behind = (fixed[1].text, extra) if len(fixed) > 1 else (extra[0].text, extra[1:])
    if command.startswith("-"):
        return f"Git's option `{command}` in front of the subcommand"
    if len(fixed) == 1 and command not in GIT_ORDINARY:
        return f"`git {command}` may be an alias, run another program or change Git's configuration"
    if remote := next((word.text for word in behind if _REMOTE_PROGRAM.search(word.text)), ""):
        return f"`{remote}` may name a program as a remote"
    options = replace(
        PROGRAMS["git"],
        short=GIT_SHORT.get(command, "") + "O",
        takes=GIT_TAKES.get(command, ""),
        words=GIT_WORDS.get(command, ()),
        files_from=0 if command in GIT_LOOKS else None,
    )
    unknown = "" if command in GIT_ORDINARY else _suspicious(behind)
    return unknown or _wildcards("git", options, behind) or _beyond(options, behind) or _git_texts(command, behind)


def _git_texts(command: str, words: Argv) -> str:
    if command != "commit" and (signed := next((w.text for w in words if _SIGNATURE.search(w.text)), "")):
        return f"`{signed}` makes Git run the program that checks signatures"
    if command == "config" and len(words) > 1 and words[0].text not in GIT_CONFIG_READS:
        return "it sets what Git does and runs later"
    return ""


def _suspicious(extra: Argv) -> str:
    """The last resort, for a program that the tables do not know."""
    for word in extra:
        name = word.text.partition("=")[0]
        long = name.startswith("--") and any(part in name.lower() for part in SUSPICIOUS)
        if long or any(letter in SUSPICIOUS_SHORT for letter in letters_of(word, Options())):
            return f"its option `{name}` may run a program, write a file or read configuration from elsewhere"
    return ""


def only_looks(argv: Argv) -> bool:
    """The command changes none of the files that it names."""
    name = program(argv)
    if name not in LOOKERS or (name == "git" and not (len(argv) > 1 and argv[1].text in GIT_LOOKS)):
        return False
    return name in READERS or not vetoed((Word(text=name),), argv[1:])


def _wildcards(name: str, options: Options | None, extra: Argv) -> str:
    """The names of files are only harmless where they are taken for files and cannot begin with a dash."""
    words = [word for word in extra if word.glob]
    if not words or name in READERS:
        return ""
    start = None if options is None else options.files_from
    files = () if options is None or start is None else operands(options, extra)[start:]
    if all(any(word is file for file in files) and word.text[0] not in "*?[" for word in words):
        return ""
    return f"`{name}` would be given file names as options: name the files"


def _subcommand(options: Options, fixed: Argv, extra: Argv) -> str:
    """The first argument that is no option, unless the rule itself names it."""
    if not options.commands or any(not word.text.startswith("-") for word in fixed[1:]):
        return ""
    first = next((word.text for word in operands(options, extra)), "")
    return f"`{fixed[0].text} {first}` {_BEYOND}: name it in the rule" if first in options.commands else ""


def _beyond(options: Options, extra: Argv) -> str:
    for word in before_the_end(options, extra):
        if why := _option_beyond(options, word):
            return why
    others = operands(options, extra)
    if options.positionals is not None and len(others) > options.positionals:
        return f"`{others[options.positionals].text}` would be written to"
    return ""


def _option_beyond(options: Options, word: Word) -> str:
    name = word.text.partition("=")[0]
    if name in options.words:
        return f"`{name}` {_BEYOND}"
    if options.only is not None and name.startswith("+"):
        return f"`{name}` may be a command of the program's own"
    if not name.startswith("-") or name in ("-", "--"):
        return ""
    if options.only is not None:
        return "" if is_only(options, word) else f"its option `{name}` is not on the list of harmless ones"
    if name.startswith("--"):
        bad = name not in options.safe and any(long == name or long.startswith(name) for long in options.long)
        return f"its option `{name}` {_BEYOND}" if bad else ""
    letter = next((letter for letter in letters_of(word, options) if letter in options.short), "")
    return f"its option `-{letter}` {_BEYOND}" if letter else ""
