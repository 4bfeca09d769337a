"""Agent file: what is wrong with it, in plain words? Turns Pydantic's findings into lines that a user can act on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from midwatch.errors import SpecError
from midwatch.yaml_lines import Lines, Path, dotted

KINDS: Final[Mapping[str, str]] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list (`- ...` lines)",
    "dict_type": "a mapping (`key: value` lines)",
    "model_type": "a mapping (`key: value` lines)",
    "model_attributes_type": "a mapping (`key: value` lines)",
}
"""What was wanted, by Pydantic's error type."""

BOUNDS: Final[Mapping[str, tuple[str, str]]] = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
}


def nearest(word: str, names: Iterable[str]) -> str:
    """`; did you mean `NAME`?` for the name that is closest to `word`, or "" when none is close."""
    found = get_close_matches(word, list(names), n=1, cutoff=0.6)
    return f"; did you mean `{found[0]}`?" if found else ""


def faults(error: ValidationError, lines: Lines, model: type[BaseModel], *, path: str) -> list[SpecError]:
    """One `SpecError` for every place that is wrong, in the order of the file."""
    places: dict[Path, list[ErrorDetails]] = defaultdict(list)
    for detail in error.errors(include_url=False):
        places[place(detail["loc"], lines.data)].append(detail)
    found = [
        SpecError(_message(where, details, model), path=path, line=lines.line(where), field=dotted(where))
        for where, details in places.items()
    ]
    return sorted(found, key=lambda fault: fault.line or 0)


def place(loc: Sequence[str | int], data: Any) -> Path:
    """Where Pydantic's `loc` stands in the file.

    Pydantic adds the branches of a union (`model.str`), and sees `- shell: {root: x}` as `{builtin: shell, root: x}`.
    """
    path: Path = ()
    for position, part in enumerate(loc):
        if isinstance(part, str) and isinstance(data, dict) and part not in data and len(data) == 1:
            ((name, options),) = data.items()
            if isinstance(options, dict) or (options is None and part == "builtin"):
                path, data = (*path, name), options
                if part == "builtin":
                    return path
        if (isinstance(data, dict) and part in data) or (isinstance(data, list) and isinstance(part, int)):
            path, data = (*path, part), data[part]  # type: ignore[index]  # both kinds of container were asked for
        elif isinstance(data, dict) and position == len(loc) - 1:
            path = (*path, part)
    return path


def _message(where: Path, details: Sequence[ErrorDetails], model: type[BaseModel]) -> str:
    first = details[0]
    if all(detail["type"] in KINDS for detail in details):
        wanted = " or ".join(dict.fromkeys(KINDS[detail["type"]] for detail in details))
        return f"must be {wanted}, not {_said(first['input'])}"
    first = next(detail for detail in details if detail["type"] not in KINDS)
    return _one(where, first, model)


def _one(where: Path, detail: ErrorDetails, model: type[BaseModel]) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            owner = "an agent file" if len(where) == 1 else f"`{dotted(where[:-1])}`"
            return f"`{where[-1]}` is not a field of {owner}{nearest(str(where[-1]), _fields(detail['loc'], model))}"
        case "literal_error":
            names = [name.strip("'") for name in str(context["expected"]).replace(" or ", ", ").split(", ")]
            said = str(detail["input"])[:40]
            return f"`{said}` is not one of: {', '.join(names)}{nearest(said, names)}"
        case "string_pattern_mismatch":
            return f"`{str(detail['input'])[:40]}` must be small letters, digits and dashes, and begin with a letter"
        case "string_too_short" | "too_short":
            return "must not be empty"
        case "value_error":
            return str(context["error"])
        case kind if kind in BOUNDS:
            words, key = BOUNDS[kind]
            return f"must be {words} {context[key]:g}, not {detail['input']:g}"
        case _:
            return detail["msg"]


def _said(value: Any) -> str:
    """What stands there instead, in the file's own words."""
    match value:
        case None:
            return "nothing"
        case bool():
            return str(value).lower()
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text `{value[:40]}`"
        case list():
            return "a list"
        case _:
            return "a mapping"


def _fields(loc: Sequence[str | int], model: type[BaseModel]) -> list[str]:
    """Names that are valid where `loc` points to an unknown one."""
    for part in loc[:-1]:
        if isinstance(part, str) and part in model.model_fields:
            model = _model_in(model.model_fields[part].annotation) or model
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation like `list[Tool]` or `ForEach | None` is about."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _model_in(part))), None)
