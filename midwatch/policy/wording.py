"""Permissions: in which words would a rule speak of just these calls? The notation of `rules`, written instead of read.

Nothing here decides: `narrow` compiles what is written here and asks the policy whether it allows the calls.
"""

from __future__ import annotations

import os
import posixpath
import shlex
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from midwatch.calls import Call, canonical_json, plain
from midwatch.policy.commands import Argv, read_line
from midwatch.policy.engine import Policy
from midwatch.policy.paths import FILE_TOOLS
from midwatch.policy.programs import LOOKERS, URL_PROGRAMS
from midwatch.policy.shell import shell_pattern
from midwatch.policy.urls import PORTS, read_url
from midwatch.policy.vetoes import only_looks, vetoed
from midwatch.policy.words import Word

SEVERAL: Final = 3
"""From so many different calls on, what differs in them is left open; two are listed."""
MOST: Final = 8
"""Patterns of one rule, and values of one condition: a longer list is not read by anybody."""
TESTERS: Final = frozenset({"pytest"})
"""Programs that do more than look, and whose arguments a rule may leave open all the same."""

Words = str | list[str] | dict[str, Any] | None
"""What stands behind `TOOL:` in a rule; None: the tool's name alone."""
Example = str | dict[str, Any]
"""What stands under `match` and `not_match`."""


class Wordless(Exception):
    """No rule can say just this; `str()` says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    words: Words
    examples: tuple[Example, ...]
    """The calls, as a rule's examples have them."""


def wording(calls: Sequence[Call], policy: Policy) -> Wording:
    """The narrowest rule for `calls`, all of one tool, that `policy` does not allow yet. Raises Wordless."""
    tool = calls[0].tool
    if tool == "shell":
        argvs = list(dict.fromkeys(argv for call in calls for argv in _uncovered(call, policy)))
        return _listed(_shell(argvs), map(_line, argvs))
    if tool in FILE_TOOLS:
        places = sorted({_place(call, policy) for call in calls})
        return _listed(_files(places), places)
    if tool == "http_request":
        requests = list(dict.fromkeys(map(_request, calls)))
        return _listed(_requests(requests), (f"{method} {origin}{path}" for method, origin, path in requests))
    conditions = _conditions([call.args for call in calls], policy.arguments.get(tool))
    return Wording(
        words=conditions or None, examples=_few({canonical_json(c.args): plain(c.args) for c in calls}.values())
    )


def kin(call: Call, policy: Policy) -> Iterable[Hashable]:
    """The families of calls that one rule could be for, by a name that all their members have. Raises Wordless."""
    if call.tool == "shell":
        argvs = list(_uncovered(call, policy))
        words = [word.text for word in argvs[0]] if len(argvs) == 1 else []
        return [(call.tool, *words[:length]) for length in range(1, min(len(words), 5))]
    if call.tool in FILE_TOOLS:
        names = _place(call, policy).split("/")[:-1]
        return [(call.tool, *names[:length]) for length in range(len(names) + 1)]
    if call.tool == "http_request":
        method, origin, path = _request(call)
        names = path.split("/")[1:-1]
        return [(method, origin, *names[:length]) for length in range(len(names) + 1)]
    return [(call.tool, name, canonical_json({**call.args, name: None})) for name in call.args]


def _listed(patterns: list[str], examples: Iterable[str]) -> Wording:
    if len(patterns) > MOST:
        raise Wordless(f"it takes {len(patterns)} patterns to say no more than that, and a rule has at most {MOST}")
    return Wording(words=patterns[0] if len(patterns) == 1 else patterns, examples=_few(examples))


def _few(examples: Iterable[Example]) -> tuple[Example, ...]:
    return tuple(examples)[:5]


# --- shell ----------------------------------------------------------------------------------------------------------


def _uncovered(call: Call, policy: Policy) -> Iterable[Argv]:
    """The commands of the line that no rule allows by themselves."""
    commands = read_line(str(call.args.get("command"))).commands
    missing = [argv for argv in commands if policy.decide(_alone(call, argv)).verdict != "allow"]
    if not missing:
        raise Wordless("the rules allow every command of it by itself")
    return missing


def _alone(call: Call, argv: Argv) -> Call:
    return replace(call, args={**call.args, "command": _line(argv)})


def _line(argv: Argv) -> str:
    return " ".join(word.text if word.glob else shlex.quote(word.text) for word in argv)


def _shell(argvs: Sequence[Argv]) -> list[str]:
    groups: dict[tuple[str, ...], list[Argv]] = {}
    for argv in argvs:
        groups.setdefault(_stem(argv), []).append(_without_query(argv))
    return [pattern for stem, group in groups.items() for pattern in _commands(stem, group)]


def _stem(argv: Argv) -> tuple[str, ...]:
    """The program, and its subcommand where it may have one: what a rule never leaves open."""
    has_subcommand = argv[0].text == "git" or argv[0].text not in LOOKERS | TESTERS
    named = has_subcommand and len(argv) > 1 and not argv[1].text.startswith("-")
    return tuple(word.text for word in argv[: 1 + named])


def _commands(stem: tuple[str, ...], group: Sequence[Argv]) -> list[str]:
    unsaid = [why for argv in group for word in argv if (why := _unsayable(word))]
    if all(map(_may_stay_open, group)) and (unsaid or len(group) >= SEVERAL):
        return [f"{shlex.join(_shared(stem, group))} ..."]
    if unsaid:
        raise Wordless(unsaid[0])
    return _alternatives(group) or list(map(_exactly, group))


def _unsayable(word: Word) -> str:
    """Why no rule can spell the word; "" where one can."""
    odd = word.glob or not word.text or word.text == "..." or "|" in word.text
    try:
        shell_pattern(shlex.join(["x", word.text, "x"]))
    except ValueError:
        odd = True
    return f"a rule cannot spell the word `{word.text}`" if odd else ""


def _may_stay_open(argv: Argv) -> bool:
    """Whatever follows, the program only looks; what goes beyond is vetoed by the rule's own ` ...`."""
    return only_looks(argv) or (argv[0].text in TESTERS and not vetoed(argv[:1], argv[1:]))


def _shared(stem: tuple[str, ...], group: Sequence[Argv]) -> list[str]:
    """The words with which all of the group begin, as far as a rule can spell them."""
    shared: list[str] = []
    for column in zip(*group, strict=False):
        if len({word.text for word in column}) > 1 or _unsayable(column[0]):
            break
        shared.append(column[0].text)
    if len(shared) < len(stem):
        raise Wordless(f"a rule cannot spell `{' '.join(stem)}`")
    return shared


def _exactly(argv: Argv) -> str:
    return shlex.join(word.text for word in argv)


def _without_query(argv: Argv) -> Argv:
    """What a rule compares of an address that stands last."""
    if argv[0].text not in URL_PROGRAMS or "://" not in argv[-1].text:
        return argv
    return (*argv[:-1], Word(text="".join(_origin_and_path(argv[-1].text))))


def _alternatives(group: Sequence[Argv]) -> list[str]:
    """One pattern, where commands of one length differ in one word: `npm run test|build`."""
    lines = [_exactly(argv) for argv in group]
    columns = list(zip(*map(shlex.split, lines), strict=False))
    differing = [place for place, column in enumerate(columns) if len(set(column)) > 1]
    if len({len(argv) for argv in group}) > 1 or len(differing) != 1 or differing[0] == 0:
        return []
    choices = columns[differing[0]]
    if len(choices) > MOST or any(shlex.quote(choice) != choice or "://" in choice for choice in choices):
        return []
    words = [shlex.quote(column[0]) for column in columns]
    words[differing[0]] = "|".join(choices)
    return [" ".join(words)]


# --- files ----------------------------------------------------------------------------------------------------------


def _place(call: Call, policy: Policy) -> str:
    """The path, links followed, as seen from the tool's root."""
    place = os.path.relpath(policy.target(call), policy.toolbox.roots[call.tool])
    if "*" in place:
        raise Wordless(f"a rule cannot spell {place!r}: `*` is a wildcard there")
    return place


def _files(places: Sequence[str]) -> list[str]:
    """The paths; of several in one folder the folder, but never the whole root."""
    folders = [os.path.dirname(place) for place in places]
    folder = os.path.commonpath(folders)
    if len(places) < SEVERAL:
        return list(places)
    if not folder:
        return _by_top(places, _files)
    endings = {os.path.splitext(place)[1] for place in places}
    ending = endings.pop() if len(endings) == 1 else ""
    if len(set(folders)) == 1:
        return [f"{folder}/*{ending}"]
    return [f"{folder}/**/*{ending}" if ending else f"{folder}/**"]


def _by_top(paths: Iterable[str], patterns: Callable[[list[str]], list[str]]) -> list[str]:
    """`patterns` for the paths of every first folder by themselves; what is in no folder stands as it is."""
    groups: dict[str, list[str]] = {}
    for path in paths:
        top = path.removeprefix("/").partition("/")
        groups.setdefault(top[0] if top[1] else path, []).append(path)
    return [pattern for top, group in groups.items() for pattern in ([top] if group == [top] else patterns(group))]


# --- requests -------------------------------------------------------------------------------------------------------


def _request(call: Call) -> tuple[str, str, str]:
    """Method, origin and path."""
    return str(call.args["method"]).upper(), *_origin_and_path(str(call.args["url"]))


def _origin_and_path(text: str) -> tuple[str, str]:
    try:
        url = read_url(text)
    except ValueError as error:
        raise Wordless(f"the address {text!r} cannot be named in a rule: {error}") from error
    if url.clean is None or "*" in url.clean:
        raise Wordless(
            f"a rule cannot spell the path {url.path!r}: servers, or the rule itself, read it in several ways"
        )
    host = f"[{url.host}]" if ":" in url.host else url.host
    port = "" if url.port == PORTS[url.scheme] else f":{url.port}"
    return f"{url.scheme}://{host}{port}", url.clean


def _requests(requests: Iterable[tuple[str, str, str]]) -> list[str]:
    paths: dict[str, list[str]] = {}
    for method, origin, path in requests:
        paths.setdefault(f"{method} {origin}", []).append(path)
    return [f"{start}{path}" for start, found in paths.items() for path in _url_paths(found)]


def _url_paths(paths: Sequence[str]) -> list[str]:
    """The paths; of several in one folder the folder, but never the whole host."""
    if len(paths) < SEVERAL:
        return list(paths)
    folder = posixpath.commonpath([posixpath.dirname(path) for path in paths])
    return [f"{folder}/**"] if folder != "/" else _by_top(paths, _url_paths)


# --- any other tool -------------------------------------------------------------------------------------------------

_ABSENT: Final = object()


def _conditions(given: Sequence[Mapping[str, Any]], known: Collection[str] | None) -> dict[str, Any]:
    """Every argument as it was, and none besides. Empty: the tool has none."""
    names = dict.fromkeys(name for args in given for name in args)
    if not names and known is None:
        raise Wordless("its schema takes any argument, and this call has none that a rule could hold on to")
    said = {name: _condition(name, [args.get(name, _ABSENT) for args in given]) for name in names}
    return said | {name: {"present": False} for name in sorted(set(known or ()) - set(names))}


def _condition(name: str, values: Sequence[Any]) -> Any:
    there = {canonical_json(value): plain({"": value})[""] for value in values if value is not _ABSENT}
    optional = {"optional": True} if any(value is _ABSENT for value in values) else {}
    choices = list(there.values())
    if len(choices) > SEVERAL and all(_is_number(value) for value in values if value is not _ABSENT):
        return {"min": min(choices), "max": max(choices), **optional}
    if len(choices) > MOST:
        raise Wordless(f"its argument `{name}` had {len(choices)} different values, more than a person would read")
    if optional or any(not isinstance(choice, str | int | float | None) or "*" in str(choice) for choice in choices):
        return {"one_of": choices, **optional}
    return choices[0] if len(choices) == 1 else choices


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)
