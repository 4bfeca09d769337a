"""Permissions: may this command line run? `git status|diff|log ...`: words, alternatives, ` ...` for further arguments."""

from __future__ import annotations

import glob
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from midwatch.calls import Call
from midwatch.policy.commands import Line, read_line
from midwatch.policy.git_options import GIT_VALUES
from midwatch.policy.options import operands
from midwatch.policy.paths import is_within, path_fault
from midwatch.policy.programs import NAMERS, PROGRAMS, SHELLS, URL_PROGRAMS
from midwatch.policy.reading import COVERED, NOT_COVERED, Cover, Mention, PolicyContext, Reading, Refusal
from midwatch.policy.requests import Request, RequestPattern, request_pattern
from midwatch.policy.resolve import Unresolvable, resolve
from midwatch.policy.urls import read_url
from midwatch.policy.vetoes import beyond_options, only_looks, vetoed
from midwatch.policy.words import Argv, Word
from midwatch.policy.wrappers import MAX_FOUND, program, unwrapped

_META: Final = re.compile(r"[;&<>()$`*?\[\]{}~#!\\]")
_CLIMBS_TO_KERNEL: Final = re.compile(r"(?:\.{1,2}/+)*\.\./+(?:proc|sys|dev)(?:/|$)")
_KERNEL: Final = re.compile(r"/(?:proc|sys|dev(?!/null$))(?:/|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShellPattern:
    """One shell rule."""

    words: tuple[frozenset[str], ...]
    """The alternatives of each word, the program's first."""
    rest: bool
    """Further arguments are granted."""
    url: RequestPattern | None = None
    """The last word of the rule is a URL: every URL of the command must match it."""

    def covers(self, part: Argv) -> Cover:
        if part[0].text not in self.words[0]:
            return NOT_COVERED
        fixed, extra = part[: len(self.words)], part[len(self.words) :]
        if len(fixed) < len(self.words) or any(word.glob for word in fixed):
            return NOT_COVERED
        if not all(word.text in choices for word, choices in zip(fixed, self.words, strict=True)):
            return NOT_COVERED
        if self.url is not None:
            return self._covers_urls(fixed, extra, self.url)
        if extra and not self.rest:
            return NOT_COVERED
        why = vetoed(fixed, extra) if self.rest else ""
        return Cover(held=False, why_not=why) if why else COVERED

    def _covers_urls(self, fixed: Argv, extra: Argv, pattern: RequestPattern) -> Cover:
        urls = operands(PROGRAMS[fixed[0].text], extra)
        if not urls or (len(extra) > 1 and not self.rest) or any(word.glob or "[" in word.text for word in extra):
            return NOT_COVERED
        try:
            requests = [Request(method="GET", url=url) for url in map(read_url, (w.text for w in urls))]
        except ValueError as error:
            return Cover(held=False, why_not=str(error))
        uncovered = [cover for cover in map(pattern.covers, requests) if not cover.held]
        why = beyond_options(fixed, extra)
        return uncovered[0] if uncovered else Cover(held=not why, why_not=why)

    def catches(self, sight: Argv) -> bool:
        if not sight or (sight[0].text not in self.words[0] and program(sight) not in self.words[0]):
            return False
        if self.url is not None and not any(_may_reach(self.url, word.text) for word in sight[1:]):
            return False
        if not self.rest and self.url is None:
            return len(sight) == len(self.words) and _follow(self.words[1:], sight[1:], is_git=False)
        return _follow(self.words[1:], sight[1:], is_git=program(sight) == "git")


def _may_reach(url: RequestPattern, text: str) -> bool:
    """For an ask or deny rule: the word is such a URL, or cannot be read and names the host."""
    value = text.partition("=")[2]
    for spelled in (text, value) if "://" in text else (f"http://{text}", f"https://{text}"):
        try:
            if url.catches(Request(method=url.method, url=read_url(spelled))):
                return True
        except ValueError:
            if url.host.removeprefix("*") in spelled.lower():
                return True
    return False


def _follow(wanted: tuple[frozenset[str], ...], words: Argv, *, is_git: bool) -> bool:
    """`words` begin with `wanted`, whatever options (and values of theirs) stand in front."""
    if not wanted:
        return True
    if not words:
        return False
    first = words[0].text
    if first in wanted[0] and _follow(wanted[1:], words[1:], is_git=is_git):
        return True
    if not first.startswith("-"):
        return False
    takes_value = first in GIT_VALUES if is_git else "=" not in first
    if is_git and takes_value:
        return _follow(wanted, words[2:], is_git=is_git)
    return _follow(wanted, words[1:], is_git=is_git) or (takes_value and _follow(wanted, words[2:], is_git=is_git))


def shell_pattern(text: str) -> ShellPattern:
    """Raises ValueError with what is wrong with `text`."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ValueError(f"{text!r}: {error}") from None
    rest = len(words) > 1 and words[-1] == "..."
    words = words[:-1] if rest else words
    url = request_pattern(f"GET {words.pop()}") if words and "://" in words[-1] else None
    if not words or "..." in words:
        raise ValueError(
            f"{text!r} is not of the form `git status|diff ...`: a program, words, ` ...` last for any others"
        )
    choices = tuple(_choices(word, text) for word in words)
    if url is not None and not choices[0] <= URL_PROGRAMS:
        raise ValueError(f"{text!r}: a URL in a rule is understood for {' and '.join(sorted(URL_PROGRAMS))} only")
    return ShellPattern(words=choices, rest=rest, url=url)


def _choices(word: str, text: str) -> frozenset[str]:
    if "*" in word:
        raise ValueError(
            f"{text!r}: `*` is no wildcard in a shell rule; write ` ...` at the end for any further arguments"
        )
    if " " not in word and (wrong := _META.search(word.replace("{}", ""))):
        raise ValueError(
            f"{text!r}: {wrong[0]!r} has no meaning in a rule; a rule is one command, without shell syntax"
        )
    choices = frozenset(word.split("|"))
    if "" in choices:
        raise ValueError(f"{text!r}: `|` separates alternatives without blanks: `status|diff`")
    return choices


@dataclass(frozen=True, slots=True, kw_only=True)
class Shell:
    """The family of `shell`."""

    root: str
    """Absolute and resolved; where commands start."""

    def read(self, call: Call, _context: PolicyContext) -> Reading:
        command = call.args.get("command")
        if not isinstance(command, str):
            return Reading(refusal=Refusal(rule="builtin.shell", why="`command` must be one text"))
        if not _is_duration(call.args.get("timeout")):
            return Reading(refusal=Refusal(rule="builtin.shell", why="`timeout` must be a number of seconds above 0"))
        line = read_line(command)
        folder, why = self._folder(call.args.get("cwd"))
        folders, astray = self._folders(line, folder)
        found = [unwrapped(argv) for argv in (*line.seen, *line.commands)]
        sights = tuple(dict.fromkeys(inner for inners in found for inner in inners))
        crowded = "it nests too many commands" if any(len(inners) >= MAX_FOUND for inners in found) else ""
        return Reading(
            parts=line.commands,
            sights=sights,
            unclear=why
            or crowded
            or line.unclear
            or astray
            or _hidden(sights)
            or _kernel(line, folders)
            or _globs(line, folders),
            mentions=tuple(_mentions(line, sights, folders)),
            opened=tuple(Mention(path=path, folders=folders, writes=writes) for path, writes in line.opened),
            target=folder,
        )

    def _folder(self, cwd: object) -> tuple[str, str]:
        """The folder that the command starts in, and why that is not allowed."""
        if cwd is None or cwd == "":
            return self.root, ""
        if not isinstance(cwd, str) or path_fault(cwd):
            return self.root, "its folder is not a plain path"
        try:
            folder = resolve(cwd, self.root)
        except Unresolvable as error:
            return self.root, f"its folder leads nowhere: {error}"
        return folder, "" if is_within(folder, self.root) else f"it starts in {cwd!r}, outside the folder of this tool"

    def _folders(self, line: Line, start: str) -> tuple[tuple[str, ...], str]:
        """Every folder that a relative path of the line may start from."""
        visited, here = [start], [start]
        for argv in line.commands:
            if argv[0].text != "cd":
                continue
            where = [word.text for word in argv[1:]]
            if len(where) != 1 or where[0].startswith("-") or path_fault(where[0]) or argv[1].glob:
                return tuple(visited), "it changes to a folder that is not named plainly"
            try:
                reached = [resolve(where[0], folder) for folder in here]
            except Unresolvable as error:
                return tuple(visited), f"it changes to {where[0]!r}: {error}"
            if not all(is_within(folder, self.root) for folder in reached):
                return tuple(visited), f"it changes to {where[0]!r}, outside the folder of this tool"
            visited = list(dict.fromkeys([*visited, *reached]))
            here = reached if line.chained else visited
        return tuple(visited), ""

    def pattern(self, text: str) -> ShellPattern:
        return shell_pattern(text)

    def example(self, text: str) -> dict[str, Any]:
        return {"command": text}

    def describe(self, part: Argv) -> str:
        return f"`{shlex.join(word.text for word in part)}`"


def _is_duration(timeout: object) -> bool:
    return timeout is None or (
        isinstance(timeout, int | float | Decimal) and not isinstance(timeout, bool) and timeout > 0
    )


def _hidden(sights: tuple[Argv, ...]) -> str:
    """A shell without a script or a text runs what nobody sees here."""
    blind = next(
        (argv for argv in sights if program(argv) in SHELLS and all(w.text.startswith("-") for w in argv[1:])), ()
    )
    return f"`{program(blind)}` would run what is in its input" if blind else ""


def _kernel(line: Line, folders: tuple[str, ...]) -> str:
    for word in (word for argv in line.commands for word in argv):
        if any(_is_kernel(path, folder) for path in _paths_in(word, ()) for folder in folders):
            return f"it names {word.text!r}, which is the kernel's own, not a file"
    return ""


def _is_kernel(path: str, folder: str) -> bool:
    """It names one of the kernel's folders, or climbs towards one, however deep the tool's own folder lies."""
    if _CLIMBS_TO_KERNEL.match(path):
        return True
    if "/proc" not in path and "/sys" not in path and "/dev" not in path and ".." not in path:
        return False
    clean = os.path.normpath(os.path.join(folder, path))
    return bool(_KERNEL.match(clean[1:] if clean.startswith("//") else clean))


def _globs(line: Line, folders: tuple[str, ...]) -> str:
    """A wildcard is only clear where it is known which folder it looks into, and that no hidden file is meant."""
    words = [word.text for argv in line.commands for word in argv if word.glob]
    if words and len(folders) > 1 and not line.chained:
        return "it uses a wildcard after changing the folder"
    if away := next((word for word in words if word.startswith("/") or ".." in word), ""):
        return f"the wildcard {away!r} may leave the folder of this tool"
    hidden = next((word for word in words if any(name.startswith((".*", ".?", ".[")) for name in word.split("/"))), "")
    return f"the wildcard {hidden!r} may name hidden files" if hidden else ""


_SPLIT: Final = re.compile(r"[=:@,]")


def _mentions(line: Line, sights: tuple[Argv, ...], folders: tuple[str, ...]) -> Iterator[Mention]:
    for file in line.written:
        yield Mention(path=file, folders=folders, writes=True)
    for argv in sights:
        writes = not only_looks(argv)
        looked_in = () if program(argv) in NAMERS else folders
        for path in dict.fromkeys(path for word in argv[1:] for path in _paths_in(word, looked_in)):
            yield Mention(path=path, folders=folders, writes=writes)


def _paths_in(word: Word, folders: tuple[str, ...]) -> Iterator[str]:
    """What in `word` may be a path: the word, an option's value, the parts around `=`, `:`, `@` and `,`, a wildcard's files."""
    text = word.text
    if text.startswith("-") and not text.startswith("--"):
        yield text[2:]
    if word.glob:
        yield from _matches(text, folders)
    yield text
    if _SPLIT.search(text):
        yield from (piece for piece in _SPLIT.split(text) if piece)


def _matches(text: str, folders: tuple[str, ...]) -> Iterator[str]:
    """The files that a wildcard stands for now."""
    for folder in folders:
        for count, found in enumerate(glob.iglob(text, root_dir=folder)):
            if count >= 1000:
                return
            yield os.path.join(folder, found)
