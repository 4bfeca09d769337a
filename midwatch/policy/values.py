"""Permissions: do the arguments of any tool hold what a rule says of them? `{amount: {max: 100}, currency: EUR}`.

All conditions of a rule must hold; an argument that the rule does not name is not constrained. An allow rule is exact:
types are compared too (1 is not "1", not true), and a missing argument fulfils nothing. Ask and deny rules are generous:
text is compared folded, one element of a list is enough, and a value that cannot be read as what the rule speaks of counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from midwatch.calls import Call, canonical_json
from midwatch.characters import folded, is_control
from midwatch.policy.like import like
from midwatch.policy.paths import is_within, path_fault
from midwatch.policy.resolve import Unresolvable, resolve
from midwatch.policy.sql import SQL_WORDS, read_sql

Sort = Callable[[Any], Hashable]
Test = Callable[[Any, bool], bool]
"""(value, exact): does the value, which is there, hold? `exact` is True for an allow rule."""

ABSENT: Final = object()
_ADDRESS: Final = re.compile(
    r"(?=.{1,64}@)[A-Za-z0-9_][A-Za-z0-9_+'-]*(?:\.[A-Za-z0-9_+'-]+)*@(?P<domain>[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)"
)
"""One bare address as people have them: no display name, comment, quotes or list, and nothing that a mail server may take for
a route (`%`, `!`, `=`), a program (`|`), a file (`/`), an option (`-` in front) or an encoded word."""
_DECIMAL: Final = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What one argument must be."""

    tests: tuple[Test, ...]
    absent: bool
    """What a missing argument means for an allow rule: held or not."""
    absent_caught: bool
    sort: Sort | None = None
    """How values can be sorted so that `sorts` are the only ones for which an allow rule can hold."""
    sorts: frozenset[Hashable] = frozenset()

    def holds(self, value: object, *, exact: bool) -> bool:
        if value is ABSENT or (value == () and exact and self.absent):
            return self.absent if exact else self.absent_caught
        return all(test(value, exact) for test in self.tests)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The conditions of one rule, by argument."""

    by_name: Mapping[str, Condition]

    def index(self) -> tuple[str, Sort, frozenset[Hashable]] | None:
        """An argument by which an allow rule can be looked up: for any other sort of its value the rule does not hold."""
        for name, condition in self.by_name.items():
            if condition.sort is not None and not condition.absent:
                return name, condition.sort, condition.sorts
        return None

    def hold(self, call: Call, *, exact: bool) -> bool:
        """All of them; `exact` for an allow rule, generous for ask and deny."""
        return all(
            condition.holds(call.args.get(name, ABSENT), exact=exact) for name, condition in self.by_name.items()
        )


def read_conditions(conditions: Mapping[str, Any], root: str) -> Conditions:
    """Raises ValueError with what is wrong; `root` is what `under` starts from."""
    if not conditions:
        raise ValueError("names no argument: write `{argument: value}`, or the tool's name alone for any call of it")
    return Conditions(by_name={name: _condition(name, said, root) for name, said in conditions.items()})


def _condition(name: str, said: object, root: str) -> Condition:
    if isinstance(said, Mapping):
        return _worded(name, said, root)
    choices = said if isinstance(said, list) else [said]
    if not choices or any(isinstance(choice, list | Mapping) for choice in choices):
        raise ValueError(f"`{name}` must be one value, a list of values, or one of: {', '.join(sorted(WORDS))}")
    if starred := [choice for choice in choices if isinstance(choice, str) and "*" in choice]:
        raise ValueError(f"`{name}: {starred[0]}` is compared as it stands: `like` takes a `*`, `under` a folder")
    sorts = frozenset(_typed(choice) for choice in choices)
    return Condition(tests=(_one_of(choices),), absent=False, absent_caught=False, sort=_typed, sorts=sorts)


def _worded(name: str, said: Mapping[str, Any], root: str) -> Condition:
    if not said or (wrong := sorted(set(said) - WORDS)):
        raise ValueError(f"`{name}` knows only {', '.join(sorted(WORDS))}" + (f", not `{wrong[0]}`" if said else ""))
    present, optional = said.get("present"), said.get("optional", False)
    if not isinstance(optional, bool) or present not in (None, True, False):
        raise ValueError(f"`{name}`: `present` and `optional` are true or false")
    if present is False:
        if len(said) > 1:
            raise ValueError(f"`{name}`: nothing can be asked of an argument with `present: false`")
        return Condition(tests=(_never,), absent=True, absent_caught=True)
    tests = tuple(_test(name, word, said[word], root) for word in said if word not in _BESIDE)
    tests += (read_sql(name, said),) if SQL_WORDS.intersection(said) else ()
    if not tests and present is None:
        raise ValueError(f"`{name}`: `optional` alone asks nothing")
    sort, sorts = _sorted_by(said)
    return Condition(tests=tests, absent=bool(optional), absent_caught=False, sort=sort, sorts=sorts)


def _sorted_by(said: Mapping[str, Any]) -> tuple[Sort | None, frozenset[Hashable]]:
    if "domain" in said:
        return _first_domain, frozenset({said["domain"].lower()})
    if "one_of" in said:
        return _typed, frozenset(_typed(choice) for choice in said["one_of"])
    return None, frozenset()


def _test(name: str, word: str, said: Any, root: str) -> Test:
    match word:
        case "min" | "max" | "above" | "below":
            return _range(word, _bound(name, said))
        case "under":
            return _under(_text(name, word, said), root)
        case "domain":
            return _domain(_text(name, word, said))
        case "outside":
            return _outside(_text(name, word, said))
        case "one_of" if isinstance(said, list) and said:
            return _one_of(said)
        case "like":
            return _like(_text(name, word, said))
        case "max_length" if isinstance(said, int) and not isinstance(said, bool) and said >= 0:
            return _no_longer(said)
        case "one_line" if said is True:
            return _one_line
        case _:
            raise ValueError(f"`{name}.{word}: {said!r}` does not say anything that can be checked")


WORDS: Final = frozenset(
    {
        "min",
        "max",
        "above",
        "below",
        "under",
        "domain",
        "outside",
        "one_of",
        "like",
        "max_length",
        "one_line",
        "present",
        "optional",
        *SQL_WORDS,
    }
)
_BESIDE: Final = frozenset({"present", "optional"}) | SQL_WORDS
"""Words that are no test each by itself."""


def _never(_value: Any, _exact: bool) -> bool:
    return False


def _text(name: str, word: str, said: object) -> str:
    if not isinstance(said, str) or not said:
        raise ValueError(f"`{name}.{word}` must be a text")
    return said


def _bound(name: str, said: object) -> Decimal:
    if isinstance(said, bool) or not isinstance(said, int | float | str | Decimal):
        raise ValueError(f"`{name}`: a bound must be a number")
    try:
        bound = Decimal(str(said))
    except InvalidOperation:
        raise ValueError(f"`{name}`: {said!r} is not a number") from None
    if not bound.is_finite():
        raise ValueError(f"`{name}`: {said!r} is not a finite number")
    return bound


def _one_of(choices: Iterable[Any]) -> Test:
    exactly = frozenset(_typed(choice) for choice in choices)
    loosely = frozenset(_loose(choice) for choice in choices)

    def test(value: Any, exact: bool) -> bool:
        if exact:
            return _typed(value) in exactly
        return any(_loose(each) in loosely for each in _elements(value))

    return test


def _like(said: str) -> Test:
    wanted = like(said)

    def test(value: Any, exact: bool) -> bool:
        return wanted.covers(value) if exact else any(wanted.catches(each) for each in _elements(value))

    return test


def _typed(value: Any) -> tuple[str, str]:
    """Type and value: 1 and 1.0 are one number, true and "1" are not it."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return "number", canonical_json(Decimal(repr(value)) if isinstance(value, float) else Decimal(value))
    return type(value).__name__, canonical_json(value)


def _loose(value: Any) -> str:
    number = _number(value, exact=False)
    return canonical_json(number) if number is not None else folded(str(value)).strip()


def _elements(value: Any) -> tuple[Any, ...]:
    """The value, and where it is a list or an object also everything in it."""
    match value:
        case Mapping():
            return tuple(inner for each in value.values() for inner in _elements(each))
        case list() | tuple():
            return tuple(inner for each in value for inner in _elements(each))
        case _:
            return (value,)


def _number(value: Any, *, exact: bool) -> Decimal | None:
    match value:
        case bool():
            return None
        case int() | Decimal():
            return Decimal(value)
        case str() if not exact and _DECIMAL.fullmatch(folded(value).strip()):
            return Decimal(folded(value).strip())
        case _:
            return None


def _range(word: str, bound: Decimal) -> Test:
    def within(number: Decimal) -> bool:
        match word:
            case "min":
                return number >= bound
            case "max":
                return number <= bound
            case "above":
                return number > bound
            case _:
                return number < bound

    def test(value: Any, exact: bool) -> bool:
        if exact:
            number = _number(value, exact=True)
            return number is not None and within(number)
        numbers = [_number(each, exact=False) for each in _elements(value)]
        return any(number is None or within(number) for number in numbers)

    return test


def _under(said: str, root: str) -> Test:
    folder = resolve(said, root)

    def test(value: Any, exact: bool) -> bool:
        paths = (value,) if exact else _elements(value)
        return any(_leads_under(path, folder, root, doubt=not exact) for path in paths)

    return test


def _leads_under(path: object, folder: str, root: str, *, doubt: bool) -> bool:
    """`doubt`: what a path that nobody can follow counts as."""
    if not isinstance(path, str) or path_fault(path):
        return doubt
    try:
        return is_within(resolve(path, root), folder)
    except Unresolvable:
        return doubt


def _domain(said: str) -> Test:
    wanted = said.lower()
    if not _ADDRESS.fullmatch(f"x@{wanted}"):
        raise ValueError(f"{said!r} is not a domain like `corp.example`")

    def test(value: Any, exact: bool) -> bool:
        if exact:
            addresses = value if isinstance(value, tuple | list) else (value,)
            return bool(addresses) and all(_domain_of(address) == wanted for address in addresses)
        return any(_domain_of(address) in (wanted, "") for address in _elements(value))

    return test


def _outside(said: str) -> Test:
    inside = said.lower()
    if not _ADDRESS.fullmatch(f"x@{inside}"):
        raise ValueError(f"{said!r} is not a domain like `corp.example`")

    def test(value: Any, exact: bool) -> bool:
        addresses = _elements(value)
        if exact:
            return bool(addresses) and all(_domain_of(address) not in (inside, "") for address in addresses)
        return any(_domain_of(address) != inside for address in addresses)

    return test


def _first_domain(value: object) -> str:
    addresses = value if isinstance(value, tuple | list) else (value,)
    return _domain_of(addresses[0]) if addresses else ""


def _domain_of(address: object) -> str:
    """The domain of one bare address, lower case; "" when it is anything else."""
    match = _ADDRESS.fullmatch(address) if isinstance(address, str) else None
    return match["domain"].lower() if match else ""


def _no_longer(limit: int) -> Test:
    def test(value: Any, exact: bool) -> bool:
        return len(value) <= limit if isinstance(value, str | tuple | list) else not exact

    return test


def _one_line(value: Any, exact: bool) -> bool:
    return not any(is_control(character) for character in value) if isinstance(value, str) else not exact
