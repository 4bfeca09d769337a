"""Permissions: which words may name a sink in a run? The operator's, those of persons, and what was looked up with them.

A value has one of these origins. The first that fits counts:

listed     it stands on the operator's `known` list, or is a value that an allow rule writes out
written    whole, in a person's own words: instructions, prompt, `bind`, the run's input, an answer of a person
named      the host of a link stands there, or an allow rule names that host or an address's domain
looked_up  in the result of a trusted tool that was asked with a person's own words
unknown    nowhere: whoever wrote the text from outside may have chosen it
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from midwatch.calls import Call
from midwatch.characters import folded
from midwatch.named_function import PATTERN as FUNCTION
from midwatch.policy.requests import request_pattern
from midwatch.policy.sinks import account_in, bare, domain_of, host_in, leaves, places_in
from midwatch.run import RunFacts
from midwatch.spec import AgentSpec, Rule

SHORTEST: Final = 4
"""Characters of a word that can name a sink: shorter ones stand in every text."""

Origin = Literal["listed", "written", "named", "looked_up", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Text that may name a sink, made ready once."""

    text: str = " "
    """Folded, one blank between two words."""
    places: frozenset[str] = frozenset()
    """The links, addresses and account numbers in it."""
    hosts: frozenset[str] = frozenset()
    """Of the links."""

    @classmethod
    def of(cls, texts: Iterable[str]) -> Words:
        said = list(texts)
        places = frozenset(place for text in said for place in places_in(text))
        hosts = frozenset(host for place in places if "@" not in place and (host := host_in(place)))
        return cls(text=" \n ".join(["", *map(_spaced, said), ""]), places=places, hosts=hosts)

    def hold(self, said: str) -> bool:
        """`said`, folded, stands there whole."""
        phrase = _spaced(said)
        if not any(len(word) >= SHORTEST for word in phrase.split()):
            return False
        return said in self.places or account_in(said) in self.places or f" {phrase} " in self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Values, and whole domains of hosts and mail addresses."""

    values: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    """`corp.example`: the host of that name, and the addresses of exactly that domain."""
    above: tuple[str, ...] = ()
    """`.corp.example`: every name under it."""

    @classmethod
    def of(cls, entries: Iterable[str]) -> Places:
        """Of `known`, and of what rules name: values, `corp.example`, `*.corp.example`."""
        said = [folded(entry).strip() for entry in entries]
        accounts = [account for entry in said if (account := account_in(entry))]
        return cls(
            values=frozenset([*map(bare, said), *accounts]),
            domains=frozenset(said),
            above=tuple(entry[1:] for entry in said if entry.startswith("*.")),
        )

    def hold(self, said: str, house: str) -> bool:
        """`said`, folded, or the host or domain that it belongs to."""
        if said in self.values or account_in(said) in self.values:
            return True
        return bool(house) and (house in self.domains or house.endswith(self.above))


@dataclass(frozen=True, slots=True, kw_only=True)
class Origins:
    """What may name a sink in one run, besides what it looks up."""

    known: Places = field(default_factory=Places)
    hosts: Places = field(default_factory=Places)
    """That allow rules for `http_request` name. A host opens no mail address: who has one there is anybody."""
    domains: Places = field(default_factory=Places)
    """Of mail addresses, that allow rules name."""
    written: Words = field(default_factory=Words)
    settled: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By tool, the arguments that the operator's own functions set."""

    def origin(self, said: str, looked_up: Collection[str]) -> Origin:
        """Where a sink's value, folded, comes from."""
        is_address = "@" in said and "://" not in said
        house = domain_of(said) if is_address else host_in(said)
        if self.known.hold(said, house):
            return "listed"
        if self.written.hold(said):
            return "written"
        if house and (self.domains.hold(said, house) if is_address else self._names(house)):
            return "named"
        return "looked_up" if said in looked_up or account_in(said) in looked_up else "unknown"

    def _names(self, host: str) -> bool:
        return self.hosts.hold(host, host) or host in self.written.hosts or self.written.hold(host)

    def are_asked_in(self, call: Call) -> bool:
        """The call was looked up with a person's own words: all its texts are, and there is one."""
        asked = [bare(text) for text in _texts(call.args.values()) if text.strip()]
        return bool(asked) and all(self.written.hold(text) for text in asked)


def origins_of(spec: AgentSpec, facts: RunFacts, answers: Iterable[str] = ()) -> Origins:
    """What may name a sink in a run of `spec`; `answers` are those that persons gave in it."""
    own = [] if facts.cause in ("event", "resume") else leaves(facts.input)
    bound = (value for tool in spec.tools for value in leaves(list(tool.bind.values())))
    named = _named(spec.rules.allow)
    return Origins(
        known=Places.of([*spec.known, *named["values"]]),
        hosts=Places.of(named["hosts"]),
        domains=Places.of(named["domains"]),
        written=Words.of([spec.instructions, spec.prompt, *own, *bound, *answers]),
        settled={
            tool.python.rpartition(":")[2]: frozenset(name for name, value in tool.bind.items() if _is_code(value))
            for tool in spec.tools
            if tool.python is not None
        },
    )


def words_of(result: Any) -> Iterator[str]:
    """What a trusted lookup's result may name: its texts whole, their words, and the places in them."""
    for text in leaves(result):
        yield from (word for word in map(bare, [text, *text.split()]) if len(word) >= SHORTEST)
        yield from places_in(text)


def _is_code(value: Any) -> bool:
    return isinstance(value, str) and FUNCTION.fullmatch(value) is not None


def _spaced(text: str) -> str:
    words = (word.strip() for word in folded(text).split())
    return " ".join(kept for word in words if (kept := bare(word)))


def _texts(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        match value:
            case str():
                yield value
            case Mapping():
                yield from _texts([*value, *value.values()])
            case list() | tuple():
                yield from _texts(value)
            case _:
                continue


def _named(rules: Iterable[Rule]) -> dict[str, list[str]]:
    """The values, hosts and mail domains that allow rules name; what is wrong with a rule is the policy's to say."""
    found: dict[str, list[str]] = {"values": [], "hosts": [], "domains": []}
    for rule in rules:
        for name, said in rule.items() if isinstance(rule, Mapping) else ():
            if name == "http_request":
                found["hosts"] += _hosts(said)
            elif isinstance(said, Mapping):
                for condition in said.values():
                    worded = condition if isinstance(condition, Mapping) else {"one_of": condition}
                    found["values"] += _texts([worded.get("one_of")])
                    found["domains"] += _texts([worded.get("domain")])
    return found


def _hosts(said: Any) -> Iterator[str]:
    for text in said if isinstance(said, list) else [said]:
        try:
            yield request_pattern(str(text)).host
        except ValueError:
            continue
