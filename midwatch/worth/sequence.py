"""Worth: did the agent do the same every time? Its calls compared, up to what comes from the run's input, item and date."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class CallMade:
    tool: str
    args: Mapping[str, Any]
    """JSON values."""
    result: str = ""
    """Digest of what came back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One conversation of a verified run: with `for_each` that about one file, else the whole run."""

    run_id: str
    date: str
    """The local one on which the run began, as `{date}` is filled in."""
    input: Mapping[str, Any]
    item: str | None = None
    calls: tuple[CallMade, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value of the run stands: `date`, `item` or `input.NAME`."""

    name: str


@dataclass(frozen=True, slots=True)
class Filled:
    """A text with places in it; of a place alone the value itself."""

    parts: tuple[str | Place, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """One call of the sequence that never varied."""

    tool: str
    args: Mapping[str, Any]
    """JSON values, and `Filled` where something of the run stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """What all the runs did."""

    runs: int
    calls: tuple[Repeated, ...]
    per_item: bool
    """It was done once for each item of a run."""
    indifferent: bool
    """What came back differed between them, and made no difference."""


class _Varies(Exception):
    """Attributes: where, for a person."""


def invariant_of(pieces: Sequence[Piece], *, at_least: int) -> Invariant | str:
    """The one sequence behind the pieces of at least so many runs, or why there is none."""
    runs = len({piece.run_id for piece in pieces})
    if runs < at_least:
        return f"{runs} of the {at_least} verified runs that are compared are there"
    orders = {tuple(call.tool for call in piece.calls) for piece in pieces}
    if len(orders) > 1:
        return f"the last {runs} verified runs called different tools, or in another order"
    if not (order := orders.pop()):
        return f"the last {runs} verified runs called no tool"
    try:
        calls = tuple(Repeated(tool=tool, args=_args(pieces, at)) for at, tool in enumerate(order))
    except _Varies as where:
        return f"in the last {runs} verified runs {where} differed"
    results = {tuple(call.result for call in piece.calls) for piece in pieces}
    per_item = any(piece.item is not None for piece in pieces)
    return Invariant(runs=runs, calls=calls, per_item=per_item, indifferent=len(results) > 1)


def _args(pieces: Sequence[Piece], at: int) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _one([piece.calls[at].args for piece in pieces], pieces, pieces[0].calls[at].tool)
    return found


def _one(values: Sequence[Any], pieces: Sequence[Piece], where: str) -> Any:
    """The one value behind those of all pieces; what never varied is taken as it was."""
    first = values[0]
    if len({json.dumps(value, sort_keys=True) for value in values}) == 1:
        return first
    if all(isinstance(value, Mapping) and value.keys() == first.keys() for value in values):
        return {key: _one([value[key] for value in values], pieces, f"`{key}` of {where}") for key in first}
    if all(isinstance(value, list) and len(value) == len(first) for value in values):
        return [_one([value[at] for value in values], pieces, where) for at in range(len(first))]
    if all(isinstance(value, str) for value in values):
        texts = {_filled(value, piece) for value, piece in zip(values, pieces, strict=True)}
        if len(texts) == 1:
            return texts.pop()
    for name in pieces[0].input:
        if all(piece.input.get(name) == value for piece, value in zip(pieces, values, strict=True)):
            return Filled((Place(f"input.{name}"),))
    raise _Varies(where)


def _filled(text: str, piece: Piece) -> Filled:
    """`text` with whatever the run knew put as a place, the longest first."""
    parts: list[str | Place] = [text]
    for value, place in sorted(_known(piece), key=lambda one: -len(one[0])):
        parts = [new for part in parts for new in (_split(part, value, place) if isinstance(part, str) else [part])]
    return Filled(tuple(part for part in parts if part != ""))


def _known(piece: Piece) -> Iterator[tuple[str, Place]]:
    """A text of a single letter stands everywhere, and says nothing."""
    yield piece.date, Place("date")
    if piece.item:
        yield piece.item, Place("item")
    for name, value in sorted(piece.input.items()):
        if isinstance(value, str) and len(value) > 1:
            yield value, Place(f"input.{name}")


def _split(text: str, value: str, place: Place) -> Iterator[str | Place]:
    for number, part in enumerate(text.split(value)):
        if number:
            yield place
        yield part
