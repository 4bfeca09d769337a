"""Permissions: where would a call send something? Its sinks: the arguments that say so, and places in its free text.

A place is a link, a mail address or an account number. Who hides one well enough (`evil dot example`) goes unseen: what
is found here can only add an ask.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from midwatch.calls import Call, canonical_json
from midwatch.characters import folded
from midwatch.policy.urls import read_url
from midwatch.risk import Risk, ToolFacts

SENDS: Final[frozenset[Risk]] = frozenset({"egress", "money", "credential", "execute"})
"""The classes whose free text leaves the house."""
MAX_TEXT: Final = 200_000
"""Characters of one call's free text that are searched."""
MAX_SINKS: Final = 2_000

_AROUND: Final = " \t\r\n.,;:!?\"'`´‘’“”«»()[]{}<>*_|"
_BETWEEN: Final = re.compile(r"[\s<>\"'`´‘’“”«»(){}\[\]|\\^,;]+")
_ADDRESS: Final = re.compile(r"[^@:=?&/]+@[\w-]+(?:\.[\w-]+)+")
_PLAIN_ADDRESS: Final = re.compile(r"[a-z0-9.#$&'*+/?^_`{|}~-]+@(?P<domain>[a-z0-9-]+(?:\.[a-z0-9-]+)*)")
_HOST: Final = re.compile(
    r"(?:www\.[^/?#]+|[\w.-]+\.(?:com|net|org|info|biz|io|app|dev|page|xyz|top|site|online|shop|store|tech|cloud|link|click"
    r"|support|pro|win|icu|ru|cn|de|uk|fr|nl|eu|ch|br|jp|su|tk|cc|ws|tv|example|test)"
    r"|[\w.-]+\.[a-z]{2,24}(?=[:/]))(?::[0-9]{1,5})?(?:[/?#].*)?"
)
"""A link without its scheme: a name that mail programs make one of and files are not called, or one with a path."""
_IBAN: Final = re.compile(r"[a-z]{2}[0-9]{2}[a-z0-9]{8,30}")
_SPACED_IBAN: Final = re.compile(
    r"(?<![a-z0-9])[a-z]{2}[0-9]{2}(?:[ -][a-z0-9]{4}){2,7}(?:[ -][a-z0-9]{1,4})?(?![a-z0-9])"
)
_CARD: Final = re.compile(r"(?<![a-z0-9])[0-9]{4}(?:[ -][0-9]{4}){3}(?:[ -][0-9]{1,3})?(?![a-z0-9])")
_NUMBER: Final = re.compile(r"[+#]?[0-9]{8,34}")
_DAY: Final = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:[0-9]{6})?")
_WALLET: Final = re.compile(r"(?:0x|bc1)[a-z0-9]{25,62}")
_CUTS: Final = 8
_IBAN_DIGITS: Final = 8
"""At least so many, or it is a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sink:
    """One value that says who something goes to or where it goes."""

    argument: str
    said: str
    """The argument's value, or the place that was found in free text; folded."""


class TooMany(Exception):
    """There is more in a call than is searched; `str()` says how much."""


def sinks_of(call: Call, facts: ToolFacts, settled: Collection[str] = ()) -> Iterator[Sink]:
    """Every sink of a call.

    Of a tool that sends something out and does not say which arguments its sinks are, every argument is one.

    Args:
        settled: arguments that the operator's own code has set.

    Raises:
        TooMany: it holds more than can be searched.
    """
    sends = facts.risk in SENDS
    all_of_them = sends and facts.sinks is None
    room, found = MAX_TEXT, 0
    for argument, given in call.args.items():
        if argument in settled:
            continue
        for value in leaves(given):
            if all_of_them or argument in (facts.sinks or ()):
                sinks = [Sink(argument=argument, said=bare(one)) for one in _each(value) if bare(one)]
            elif sends:
                room -= len(value)
                if room < 0:
                    raise TooMany(f"it holds more than {MAX_TEXT:,} characters of text")
                sinks = [Sink(argument=argument, said=place) for place in places_in(value)]
            else:
                sinks = []
            found += len(sinks)
            if found > MAX_SINKS:
                raise TooMany(f"it names more than {MAX_SINKS:,} places")
            yield from sinks


def _each(value: str) -> list[str]:
    """Of a list of mail addresses that is one text, each."""
    return re.split(r"[,;]", value) if "@" in value else [value]


def leaves(value: Any) -> Iterator[str]:
    """Every text and number in a JSON value, keys of objects included, as text."""
    match value:
        case str():
            yield value
        case Mapping():
            for key, inner in value.items():
                yield key
                yield from leaves(inner)
        case list() | tuple():
            for inner in value:
                yield from leaves(inner)
        case bool() | None:
            return
        case int() | float() | Decimal():
            yield canonical_json(value)


def bare(text: str) -> str:
    """`text` as it is compared: folded, without blanks and punctuation around it."""
    return folded(text).strip(_AROUND)


def places_in(text: str) -> Iterator[str]:
    """The links, mail addresses and account numbers in free text, folded; account numbers without what groups them."""
    plain = folded(html.unescape(text))
    for grouped in (*_SPACED_IBAN.finditer(plain), *_CARD.finditer(plain)):
        if (account := account_in(grouped[0])) is not None:
            yield account
    for token in _BETWEEN.split(plain):
        if "://" in token:
            yield _link(token)
        elif len(token) >= 6:
            yield from _in_token(token)


def _in_token(token: str) -> Iterator[str]:
    """The place that a word is, or that stands in it behind `mailto:`, `to=` and the like; a link with all that follows."""
    rest = token
    for _ in range(_CUTS):
        if (place := _place(rest.strip(_AROUND + "-/"))) is not None:
            yield place
            return
        _, *behind = re.split(r"[:=]", rest, maxsplit=1)
        rest = "".join(behind)
    if "@" in token:
        yield from filter(_ADDRESS.fullmatch, (part.strip(_AROUND) for part in re.split(r"[:=?&/]", token)))


def account_in(text: str) -> str | None:
    """The account number that a folded text is, without what groups it; None when it is none."""
    joined = re.sub(r"[ -]", "", text)
    if _IBAN.fullmatch(joined):
        return joined if sum(map(str.isdigit, joined)) >= _IBAN_DIGITS else None
    if _WALLET.fullmatch(joined):
        return joined
    is_number = _NUMBER.fullmatch(joined) and not _DAY.fullmatch(joined)
    return joined.lstrip("+#") if is_number else None


def host_in(link: str) -> str:
    """The host that a folded link names; "" where that is not plain."""
    try:
        return read_url(link if "://" in link else f"https://{link}").host
    except ValueError:
        return ""


def domain_of(address: str) -> str:
    """The domain of one bare, folded mail address; "" when it is anything else."""
    match = _PLAIN_ADDRESS.fullmatch(address)
    return match["domain"] if match else ""


def _link(token: str) -> str:
    before, _, behind = token.partition("://")
    scheme = re.split(r"[^a-z0-9+.-]", before[-20:])[-1]
    return f"{scheme}://{behind}".rstrip(_AROUND)


def _place(token: str) -> str | None:
    if _ADDRESS.fullmatch(token) or _HOST.fullmatch(token):
        return token
    return account_in(token) if " " not in token else None
