"""Permissions: what exactly is being asked for? One object: it is judged, shown, hashed, stored and executed.

Raw JSON is read once, here. What two parsers could read differently is no call: a key twice (also in another case),
NaN, Infinity, half a surrogate pair, a number that a 64-bit float cannot carry digit for digit.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final, NoReturn

from midwatch.characters import folded, is_encodable, visible
from midwatch.errors import CallError

__all__ = ["Call", "canonical_json", "digest", "parse_call", "plain", "visible"]

MAX_CHARACTERS: Final = 4_000_000
"""Of one call's raw JSON."""
MAX_DEPTH: Final = 32
MAX_BITS: Final = 1024
"""Of a whole number."""
TOOL_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One tool call. `parse_call` makes it; nothing in it can be changed."""

    tool: str
    args: Mapping[str, Any]
    """JSON values: None, bool, int, Decimal, str, tuple, read-only mapping."""


def parse_call(tool: str, raw: str | Mapping[str, Any]) -> Call:
    """The call that the model asked for.

    Args:
        tool: the tool's exact name.
        raw: the arguments, as JSON text (best: then nothing is lost) or already parsed.

    Raises:
        CallError: it is not one well-formed call; says where and why, for the model.
    """
    if not TOOL_NAME.fullmatch(tool):
        raise CallError(f"{visible(tool[:80])!r} is not a tool's name.")
    value = _parsed(raw) if isinstance(raw, str) else raw
    if not isinstance(value, Mapping):
        raise CallError(f"the arguments of {tool} must be one JSON object.")
    return Call(tool=tool, args=_frozen(value, "arguments", 0))


def _parsed(raw: str) -> object:
    if len(raw) > MAX_CHARACTERS:
        raise CallError(f"the arguments are longer than {MAX_CHARACTERS:,} characters: send less at a time.")
    try:
        return json.loads(raw, object_pairs_hook=_object, parse_float=Decimal, parse_constant=_no_constant)
    except CallError:
        raise
    except (ValueError, RecursionError, ArithmeticError) as error:
        raise CallError(f"the arguments are not valid JSON ({error}).") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise CallError(f"a key stands twice in one object (keys: {', '.join(sorted(visible(k) for k, _ in pairs))}).")
    return dict(pairs)


def _no_constant(name: str) -> NoReturn:
    raise CallError(f"{name} is not a number.")


def _frozen(value: object, where: str, depth: int) -> Any:
    """`value` as an unchangeable JSON value, numbers exact."""
    if depth > MAX_DEPTH:
        raise CallError(f"{where} is nested deeper than {MAX_DEPTH} levels.")
    match value:
        case None | bool():
            return value
        case int():
            return _whole(value, where)
        case str():
            return _text(value, where)
        case float() | Decimal():
            return _number(value, where)
        case Mapping():
            return MappingProxyType(
                {key: _frozen(value[key], f"{where}.{key}", depth + 1) for key in _keys(value, where)}
            )
        case list() | tuple():
            return tuple(_frozen(item, f"{where}[{index}]", depth + 1) for index, item in enumerate(value))
        case _:
            raise CallError(f"{where} is a {type(value).__name__}, not a JSON value.")


def _keys(value: Mapping[Any, Any], where: str) -> list[str]:
    seen: set[str] = set()
    for key in value:
        if not isinstance(key, str):
            raise CallError(f"{where} has a key that is not text.")
        like = folded(_text(key, where))
        if like in seen:
            raise CallError(f"{where} has two keys that differ only in spelling: {visible(key)!r}.")
        seen.add(like)
    return list(value)


def _text(value: str, where: str) -> str:
    if not is_encodable(value):
        raise CallError(f"{visible(where)} holds half of a surrogate pair.")
    return value


def _whole(value: int, where: str) -> int:
    if value.bit_length() > MAX_BITS:
        raise CallError(f"{where} is a number of more than {MAX_BITS} bits: send it as text.")
    return value


def _number(value: float | Decimal, where: str) -> Decimal:
    """Exactly `value`, in one spelling: 1.50 and 15e-1 are one number, and `plain` makes a float of it without loss."""
    nearest = float(value)
    if not math.isfinite(nearest):
        raise CallError(f"{where} is not a finite number.")
    exact = Decimal(repr(nearest))
    if isinstance(value, Decimal) and exact != value:
        raise CallError(f"{where} has more digits than a number can carry: send it as text.")
    return abs(exact) if exact == 0 else exact


def canonical_json(value: Any) -> str:
    """`value` in the one JSON spelling that it has: keys sorted, nothing but ASCII, Decimals digit for digit.

    Raises:
        CallError: it holds something that JSON cannot say.
    """
    match value:
        case Mapping():
            if not all(isinstance(key, str) for key in value):
                raise CallError("a key is not text.")
            return "{" + ",".join(f"{json.dumps(key)}:{canonical_json(value[key])}" for key in sorted(value)) + "}"
        case list() | tuple():
            return "[" + ",".join(canonical_json(item) for item in value) + "]"
        case float():
            return canonical_json(_number(value, "a value"))
        case Decimal():
            return _digits(value)
        case None | bool() | int() | str():
            return json.dumps(value)
        case _:
            raise CallError(f"a {type(value).__name__} is not a JSON value.")


def _digits(value: Decimal) -> str:
    """Always with a point or an exponent, so that it is read back as a Decimal; equal numbers have equal digits."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise CallError(f"{value} is not a number.")
    text = "".join(map(str, digits)).lstrip("0")
    kept = text.rstrip("0")
    if not kept:
        return "0.0"
    exponent += len(text) - len(kept)
    number = Decimal((sign, tuple(map(int, kept)), exponent))
    if not -40 <= exponent <= 40:
        return f"{'-' * sign}{kept}E{exponent}"
    spelled = format(number, "f")
    return spelled if "." in spelled else f"{spelled}.0"


def digest(call: Call, *, definition: str = "", policy: str = "", target: str = "") -> str:
    """SHA-256 (hex) of all that a yes is bound to.

    Args:
        call: tool and arguments.
        definition: hash of the tool's definition.
        policy: `Policy.fingerprint`.
        target: what the call really reaches (`Policy.target`): a resolved path.
    """
    envelope = {"tool": call.tool, "args": call.args, "definition": definition, "policy": policy, "target": target}
    return hashlib.sha256(canonical_json(envelope).encode("ascii")).hexdigest()


def plain(args: Mapping[str, Any]) -> dict[str, Any]:
    """`args` as dict, list and float, for executing. No number changes: `parse_call` refused those that would."""
    return {key: _thawed(value) for key, value in args.items()}


def _thawed(value: Any) -> Any:
    match value:
        case Mapping():
            return plain(value)
        case tuple() | list():
            return [_thawed(item) for item in value]
        case Decimal():
            return float(value)
        case _:
            return value
