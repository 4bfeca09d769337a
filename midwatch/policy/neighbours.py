"""Permissions: what lies beside a call? Calls that differ in one thing, to show a person where a rule ends."""

from __future__ import annotations

import os
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from midwatch.policy.paths import FILE_TOOLS
from midwatch.policy.wording import Example, Words

_BEHIND: Final = (" --another-option", " another-argument", "; another-program")


def neighbours(tool: str, example: Example, known: Collection[str] | None) -> list[Example]:
    """A few calls beside `example` (as `match` has it); `known` is every argument that the tool has."""
    return [beside for beside in each_once(_beside(tool, example, known)) if beside != example]


def each_once(examples: Iterable[Example]) -> list[Example]:
    """Each once; an example may be a dict, which no set takes."""
    found: list[Example] = []
    for example in examples:
        if example not in found:
            found.append(example)
    return found


def _beside(tool: str, example: Example, known: Collection[str] | None) -> Iterator[Example]:
    if isinstance(example, Mapping):
        yield from _arguments(example, known)
    elif tool == "shell":
        yield from _commands(example)
    elif tool in FILE_TOOLS:
        yield from _paths(example)
    else:
        yield from _requests(example)


def _commands(line: str) -> Iterator[str]:
    words = shlex.split(line)
    if len(words) > 1:
        yield shlex.join([words[0], "another", *words[2:]])
    yield from (f"{line}{more}" for more in _BEHIND)
    if len(words) > 2:
        yield shlex.join([*words[:-1], "another"])


def _paths(path: str) -> Iterator[str]:
    folder, name = os.path.split(path)
    beside = f"another{os.path.splitext(name)[1]}"
    yield os.path.join(folder, beside)
    yield os.path.join(folder, "another", beside)
    yield os.path.join(f"{folder}-another" if folder else "another-folder", beside)
    top, _, rest = path.partition("/")
    yield f"{top}-another/{rest}" if rest else f"another-folder/{top}"


def _requests(text: str) -> Iterator[str]:
    method, _, url = text.partition(" ")
    parts = urlsplit(url)
    yield f"{method} {parts.scheme}://another.example{parts.path}"
    yield f"{'GET' if method != 'GET' else 'DELETE'} {url}"
    yield f"{method} {url.rstrip('/')}/another"
    yield f"{method} {url.rpartition('/')[0]}/another"


def _arguments(args: Mapping[str, Any], known: Collection[str] | None) -> Iterator[dict[str, Any]]:
    for name, value in args.items():
        yield {**args, name: _changed(value)}
    yield from ({**args, name: "another"} for name in sorted(set(known or ()) - set(args))[:1])


def _changed(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int() | float():
            return value * 10 + 1
        case list():
            return [*value, "another"]
        case _:
            return "another"


def in_words(tool: str, words: Words, known: Collection[str] | None) -> tuple[str, ...]:
    """What else a rule with these words allows, said for a person."""
    texts = [words] if isinstance(words, str) else words if isinstance(words, list) else []
    said: list[str] = []
    if tool == "shell":
        said = [_open_command(text) for text in texts if text.endswith(" ...")]
        said += ["from any folder of the tool", "whatever the files that it reads or runs hold by then"]
    elif tool in FILE_TOOLS:
        said = [f"every file that `{text}` means, now or later" for text in texts if "*" in text]
        said += ["any content"] if tool == "write_file" else []
    elif tool == "http_request":
        said = [f"every address under `{text.removesuffix('/**')}`" for text in texts if text.endswith("/**")]
        said.append("any query, headers and body")
    else:
        said = list(_open_arguments(words, known))
    return (*said, "as often as it likes")


def _open_command(text: str) -> str:
    said = "with any arguments, on any file that the tool reaches, but for options that run another program or write"
    return f"`{text.removesuffix(' ...')}` {said}"


def _open_arguments(words: Words, known: Collection[str] | None) -> Iterator[str]:
    if known is None:
        yield "any further argument: its schema takes every name"
    if isinstance(words, dict):
        for name, said in words.items():
            if isinstance(said, dict) and "min" in said:
                yield f"every `{name}` from {said['min']} to {said['max']}"
        if (
            sum(isinstance(said, list) or (isinstance(said, dict) and "present" not in said) for said in words.values())
            > 1
        ):
            yield "every combination of the listed values"
