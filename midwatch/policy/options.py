"""Permissions: which of a program's arguments are options, and which are not? One row of the tables, and how it is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from midwatch.policy.words import Argv, Word


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What of a program's arguments a rule's ` ...` does not grant."""

    long: tuple[str, ...] = ()
    """Long options, with every abbreviation of them."""
    short: str = ""
    """Letters, alone or in a cluster (`-abc`)."""
    takes: str = ""
    """Letters that take a value: the rest of their cluster, or else the next word."""
    values: tuple[str, ...] = ()
    """Long options that take the next word."""
    words: tuple[str, ...] = ()
    """Arguments, exactly these (find's `-exec`), also in front of `=`."""
    safe: tuple[str, ...] = ()
    """Long options that are no abbreviation of a vetoed one, although they look like one."""
    only: tuple[str, ...] | None = None
    """Where given, these options and no others; short ones may be clustered."""
    positionals: int | None = None
    """At most so many arguments that are no options: the next one would be written to."""
    files_from: int | None = None
    """Arguments from this place on (0: the first) are files to read, so that a wildcard may stand for them."""
    commands: tuple[str, ...] = ()
    """Subcommands that run another program or change how the next ones run."""
    ends: bool = False
    """What follows `--` is no option."""
    first: bool = False
    """Options stand in front of all other arguments: behind the first of those there is none."""


def listed(text: str) -> tuple[str, ...]:
    """The words of one row of a table."""
    return tuple(text.split())


def operands(options: Options, words: Argv) -> Argv:
    """The words that are neither options nor, as far as the table knows, their values."""
    found: list[Word] = []
    value = False
    for place, word in enumerate(words):
        if value:
            value = False
        elif found and options.first:
            found.append(word)
        elif word.text == "--" and options.ends:
            return (*found, *words[place + 1 :])
        elif word.text.startswith("-") and word.text != "-":
            value = word.text in options.values or _wants_value(options, word)
        else:
            found.append(word)
    return tuple(found)


def _wants_value(options: Options, word: Word) -> bool:
    letters = "".join(letters_of(word, options))
    return len(letters) == len(word.text) - 1 and letters[-1:] in options.takes and bool(letters)


def before_the_end(options: Options, words: Argv) -> Argv:
    """Up to `--`, where that ends the options for sure: behind an option it may be a value."""
    for place, word in enumerate(words):
        if options.ends and word.text == "--" and not (place and words[place - 1].text.startswith("-")):
            return words[:place]
    return words


def letters_of(word: Word, options: Options) -> Iterator[str]:
    """The short options in `word`: those of a cluster up to one whose value is the rest."""
    if not word.text.startswith("-") or word.text.startswith("--"):
        return
    for letter in word.text[1:]:
        yield letter
        if letter in options.takes:
            return


def is_only(options: Options, word: Word) -> bool:
    """Every option in `word` is on the list of those that there may be."""
    allowed = options.only or ()
    if word.text.startswith("--"):
        return word.text.partition("=")[0] in allowed
    return all(f"-{letter}" in allowed or letter.isdigit() for letter in letters_of(word, options))
