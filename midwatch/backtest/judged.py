"""The backtest: what do the rules say to a call alone, without what came before it? On two cores, where there are two.

The second core is a fork of this process: it has the policy already, reads nothing, writes nothing, reaches out to nothing, and
ends with its pipe.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from types import TracebackType
from typing import Final, Protocol, Self

from midwatch.backtest.sockets import closed_sockets
from midwatch.calls import parse_call
from midwatch.decision import Decision
from midwatch.errors import CallError
from midwatch.policy import Policy, PolicyContext, ServerFacts
from midwatch.policy.reading import LABELS, Label
from midwatch.policy.resolve import as_spelled

Key = tuple[str, str, tuple[Label, ...]]
"""Tool, arguments as JSON, labels on the run: all that such a decision depends on."""
Answers = list[Decision | None]
"""None: it is not one well-formed call."""

SHARE: Final = 0.65
"""Of a page, for the second core: the first one reads and counts besides."""
WORTH: Final = 5_000
"""Rows from which on a second process pays."""


class Rules(Protocol):
    """What is needed of a trial."""

    @property
    def policy(self) -> Policy: ...

    @property
    def servers(self) -> Mapping[str, ServerFacts]: ...


class Judge(Protocol):
    """Begun with the calls of a page, and asked for the answers when the next page has been read."""

    def begin(self, keys: Sequence[Key]) -> None: ...

    def answers(self) -> Answers: ...


def judged(rules: Rules, keys: Sequence[Key]) -> Answers:
    """One answer a key."""
    with as_spelled():
        return [_judged(rules, key) for key in keys]


def _judged(rules: Rules, key: Key) -> Decision | None:
    tool, args_json, labels = key
    known = {label: label in labels for label in LABELS}
    context = PolicyContext(labels=known, server=rules.servers.get(tool), spent={})
    try:
        return rules.policy.decide(parse_call(tool, args_json), context)
    except CallError:
        return None


class OneCore:
    """Judges as it is asked."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._keys: Sequence[Key] = ()

    def begin(self, keys: Sequence[Key]) -> None:
        self._keys = keys

    def answers(self) -> Answers:
        return judged(self._rules, self._keys)


class TwoCores:
    """Judges the first part of a page itself, and has the rest judged meanwhile. Should the other one die, all of it."""

    def __init__(self, rules: Rules) -> None:
        self._rules, self._mine, self._rest = rules, Answers(), list[Key]()
        self._asks, self._answers, self._process = _second(rules)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._asks.close()
        self._answers.close()  # before it is waited for: it may be saying something that nobody hears any more
        self._process.join()

    def begin(self, keys: Sequence[Key]) -> None:
        cut = len(keys) - int(len(keys) * SHARE)
        self._rest = list(keys[cut:])
        with suppress(OSError):
            self._asks.send(self._rest)
        self._mine = judged(self._rules, keys[:cut])

    def answers(self) -> Answers:
        try:
            rest: Answers = self._answers.recv()
        except (EOFError, OSError):
            rest = judged(self._rules, self._rest)
        return self._mine + rest


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def _second(rules: Rules) -> tuple[Connection, Connection, ForkProcess]:
    """Two one-way pipes, no socket."""
    fork = multiprocessing.get_context("fork")
    asked, asks = fork.Pipe(duplex=False)
    answers, answered = fork.Pipe(duplex=False)
    process = fork.Process(target=_serve, args=(rules, asked, answered, (asks, answers)), daemon=True)
    process.start()
    asked.close()
    answered.close()
    return asks, answers, process


def _serve(rules: Rules, asked: Connection, answered: Connection, others: Sequence[Connection]) -> None:
    for end in others:
        end.close()
    with closed_sockets(), suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            answered.send(judged(rules, asked.recv()))
