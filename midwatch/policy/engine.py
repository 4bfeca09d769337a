"""Permissions: allow, ask or deny, by which rule, and why? Pure but for looking at where paths lead.

deny > ask > allow > default (ask). No rule has a priority, none beats another by being more specific, their order never
matters. A call with several parts is allowed when every part is covered. What throws is denied.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from midwatch.calls import Call, canonical_json, parse_call, visible
from midwatch.decision import Decision
from midwatch.policy.families import ARGUMENTS, family_of, protected_in, resolved
from midwatch.policy.grants import Grants
from midwatch.policy.paths import FILE_TOOLS, WRITING, path_fault, sights_of
from midwatch.policy.protected import Protected
from midwatch.policy.reading import NOTHING_KNOWN, Mention, PolicyContext, Reading
from midwatch.policy.rules import Rule, Toolbox, read_rules
from midwatch.policy.servers import server_doubt
from midwatch.policy.shapes import BUILTIN, Schema, misfit
from midwatch.risk import Risk
from midwatch.spec import Rules
from midwatch.spec_faults import nearest
from midwatch.window import Draw, Window

ENGINE: Final = "1"
"""Part of the fingerprint: raised when the same rules begin to mean something else."""
_AND: Final = " + "
"""Between the rules that together allow the parts of one call."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The rules of one agent, ready to be asked. `compile_policy` makes it."""

    by_tool: Mapping[tuple[str, str], tuple[Rule, ...]]
    """The rules by effect and tool."""
    grants: Mapping[str, Grants]
    """By tool, its allow rules."""
    budgeted: Mapping[str, tuple[Rule, ...]]
    """By tool, those of its allow rules that have a budget."""
    file_denials: tuple[Rule, ...]
    """Deny rules that speak of paths: they hold for what other tools name as well."""
    toolbox: Toolbox
    protected: Protected
    arguments: Mapping[str, Collection[str]]
    """By tool, every argument that it has; a call with another one is never allowed."""
    schemas: Mapping[str, Schema]
    """By tool, the JSON Schema of its arguments."""
    fingerprint: str
    """SHA-256 (hex) of the rules, in any order."""

    def decide(self, call: Call, context: PolicyContext = NOTHING_KNOWN) -> Decision:
        """Allow, ask or deny. Never raises: what cannot be judged is denied."""
        try:
            decision = self._decide(call, context)
        except Exception as error:
            said = f"the rules could not be applied to it ({type(error).__name__}: {error}), so it is not allowed"
            decision = Decision(verdict="deny", rule="error", reason=said)
        return Decision(verdict=decision.verdict, rule=decision.rule, reason=visible(decision.reason))

    def target(self, call: Call) -> str:
        """What the call really reaches, to bind a person's yes to it: the resolved path, the folder, the origin; or ""."""
        family = self.toolbox.families.get(call.tool)
        return family.read(call, NOTHING_KNOWN).target if family else ""

    def windows(self, tool: str) -> tuple[Window, ...]:
        """What has to be known of the budgets before a call of `tool` is decided."""
        return tuple(rule.budget.window for rule in self.budgeted.get(tool, ()) if rule.budget)

    def draws(self, call: Call, context: PolicyContext, decision: Decision) -> tuple[Draw, ...]:
        """What the call takes from budgets should it run on `decision`: from each whose rule speaks of it.

        It must fit into those of the rules that allow it; a person's yes is counted, and held back by none.
        """
        budgeted = self.budgeted.get(call.tool)
        if not budgeted or decision.verdict == "deny":
            return ()
        granting = decision.rule.split(_AND) if decision.verdict == "allow" else []
        parts = self.toolbox.families[call.tool].read(call, context).parts
        drawn = (
            rule.budget.draw(call, held=rule.id in granting)
            for rule in budgeted
            if rule.budget and any(rule.speaks_of(part, call, context).held for part in parts)
        )
        return tuple(draw for draw in drawn if draw is not None)

    def _decide(self, call: Call, context: PolicyContext) -> Decision:
        family = self.toolbox.families.get(call.tool)
        if family is None:
            hint = nearest(call.tool, self.toolbox.families)
            return Decision(verdict="deny", rule="unknown-tool", reason=f"there is no tool `{call.tool}`{hint}")
        reading = family.read(call, context)
        return (
            self._caught(call, reading, "deny", context)
            or self._refused(reading)
            or self._misfit(call)
            or _with_doubt(self._caught(call, reading, "ask", context), server_doubt(call.tool, context.server))
            or self._unclear(call, reading, context)
            or self._opened(reading, context)
            or self._covered(call, reading, context)
        )

    def _of(self, call: Call, effect: str) -> Iterable[Rule]:
        return self.by_tool.get((effect, call.tool), ())

    def _caught(self, call: Call, reading: Reading, effect: str, context: PolicyContext) -> Decision | None:
        for rule in self._of(call, effect):
            sight = rule.caught(reading.sights, call, context)
            if sight is not None:
                wants = "denies" if effect == "deny" else "asks a person about"
                return _by(rule, f"{wants} {self._described(call, sight)}")
        return None

    def _refused(self, reading: Reading) -> Decision | None:
        if reading.refusal:
            return Decision(verdict="deny", rule=reading.refusal.rule, reason=reading.refusal.why)
        for mention in reading.mentions:
            for folder in mention.folders:
                if found := self._forbids(mention, sights_of(mention.path, folder)):
                    return found
        return None

    def _misfit(self, call: Call) -> Decision | None:
        fault = misfit(self.schemas.get(call.tool, {}), call.args)
        said = f"`{call.tool}` does not take these arguments: {fault}"
        return Decision(verdict="deny", rule="builtin.arguments", reason=said) if fault else None

    def _forbids(self, mention: Mention, sights: tuple[str, ...]) -> Decision | None:
        """What the built-in protection and the deny rules for files say of a path that another tool names."""
        if why := next((why for sight in sights if (why := self.protected.why(sight, writes=mention.writes))), ""):
            reason = f"it names `{mention.path}`, which is {why}; no rule opens it"
            return Decision(verdict="deny", rule="builtin.protected", reason=reason)
        for rule in self.file_denials:
            if (mention.writes or not rule.tools <= WRITING) and any(
                p.catches(s) for p in rule.patterns for s in sights
            ):
                return _by(rule, f"denies `{mention.path}`, which it names")
        return None

    def _unclear(self, call: Call, reading: Reading, context: PolicyContext) -> Decision | None:
        known = self.arguments.get(call.tool)
        strange = sorted(set(call.args).difference(known)) if known is not None else []
        why = f"`{call.tool}` has no argument `{strange[0]}`" if strange else reading.unclear
        why = why or server_doubt(call.tool, context.server)
        return Decision(verdict="ask", rule="default", reason=f"no rule can allow it: {why}") if why else None

    def _opened(self, reading: Reading, context: PolicyContext) -> Decision | None:
        """A file that a redirection opens is decided as if the file tool were called; what is written is not known."""
        for file in reading.opened:
            tool = "write_file" if file.writes else "read_file"
            content = {"content": ""} if file.writes else {}
            said = f"it redirects to or from `{file.path}`, and no rule for `{tool}` covers that"
            if tool not in self.toolbox.families or self._judges_content(tool):
                return Decision(verdict="ask", rule="default", reason=said)
            for folder in file.folders:
                path = file.path if path_fault(file.path) else os.path.join(folder, file.path)
                found = self._decide(parse_call(tool, {"path": path, **content}), context)
                if found.verdict != "allow":
                    return Decision(verdict=found.verdict, rule=found.rule, reason=f"{said}: {found.reason}")
        return None

    def _judges_content(self, tool: str) -> bool:
        rules = [rule for (_, name), listed in self.by_tool.items() if name == tool for rule in listed]
        return tool in self.budgeted or any(rule.conditions for rule in rules)

    def _covered(self, call: Call, reading: Reading, context: PolicyContext) -> Decision:
        granting: dict[str, None] = {}
        grants = self.grants[call.tool].about(call) if call.tool in self.grants else ()
        for part in reading.parts:
            near: tuple[Rule, str] | None = None
            for rule in grants:
                cover = rule.covers(part, call, context)
                if cover.held:
                    granting[rule.id] = None
                    break
                near = near or ((rule, cover.why_not) if cover.why_not else None)
            else:
                return self._uncovered(call, reading, part, near)
        if not granting:
            return Decision(verdict="ask", rule="default", reason="there is nothing in it that a rule could allow")
        rules = _AND.join(granting)
        described = ", ".join(self._described(call, part) for part in reading.parts)
        return Decision(verdict="allow", rule=rules, reason=f"rule {rules} allows {described}")

    def _uncovered(self, call: Call, reading: Reading, part: Any, near: tuple[Rule, str] | None) -> Decision:
        described = self._described(call, part)
        said = (
            f"rule {near[0].id} does not stretch to {described}: {near[1]}"
            if near
            else f"no rule allows {described} here"
        )
        return Decision(verdict=reading.uncovered, rule="default", reason=said)

    def _described(self, call: Call, part: Any) -> str:
        said = (
            f"any `{call.tool}`"
            if part is call and call.tool in ARGUMENTS
            else self.toolbox.families[call.tool].describe(part)
        )
        return said if len(said) <= 300 else f"{said[:300]}… ({len(said)} characters)"


def _with_doubt(found: Decision | None, doubt: str) -> Decision | None:
    """Whoever is asked hears of it as well."""
    return (
        Decision(verdict=found.verdict, rule=found.rule, reason=f"{found.reason}; {doubt}")
        if found and doubt
        else found
    )


def _by(rule: Rule, what: str) -> Decision:
    why = f": {rule.why}" if rule.why else ""
    return Decision(verdict=rule.effect, rule=rule.id, reason=f"rule {rule.id} {what}{why}")


def compile_policy(
    rules: Rules,
    *,
    tools: Mapping[str, Risk],
    roots: Mapping[str, Path],
    project: Path,
    closed: Iterable[Path] = (),
    arguments: Mapping[str, Collection[str]] = ARGUMENTS,
    schemas: Mapping[str, Schema] | None = None,
) -> Policy:
    """The policy of one agent.

    Args:
        rules: as its file has them.
        tools: every tool that it is offered, with its risk class.
        roots: by tool, the folder that it lives in; `project` for the others.
        project: the folder of prefect.yaml.
        arguments: by tool, the names in its schema; those of the built-in tools are known.
        schemas: by tool, the JSON Schema of its arguments, those of the built-in file and HTTP tools are known: what is
            missing or of another type is denied.
        closed: folders that are never read or written, besides `.midwatch`: a home that lies elsewhere.

    Raises:
        SpecError: a rule is wrong; its field is `rules.allow[2]`.
    """
    places = {tool: resolved(roots.get(tool, project)) for tool in tools}
    protected = protected_in(project, closed)
    families = {tool: family_of(tool, places[tool], protected, risk) for tool, risk in tools.items()}
    toolbox = Toolbox(families=families, roots=places, arguments={**arguments, **ARGUMENTS})
    compiled = (
        *read_rules("allow", rules.allow, toolbox),
        *read_rules("ask", rules.ask, toolbox),
        *read_rules("deny", rules.deny, toolbox),
    )
    return Policy(
        by_tool=(by_tool := _by_tool(compiled)),
        grants={tool: Grants.of(listed) for (effect, tool), listed in by_tool.items() if effect == "allow"},
        budgeted={tool: listed for (_, tool), listed in _by_tool(rule for rule in compiled if rule.budget).items()},
        file_denials=tuple(r for r in compiled if r.effect == "deny" and r.patterns and r.tools <= FILE_TOOLS),
        toolbox=toolbox,
        protected=protected,
        arguments=toolbox.arguments,
        schemas={**(schemas or {}), **BUILTIN},
        fingerprint=_fingerprint(compiled),
    )


def _by_tool(rules: Iterable[Rule]) -> dict[tuple[str, str], tuple[Rule, ...]]:
    found: dict[tuple[str, str], list[Rule]] = {}
    for rule in rules:
        for tool in rule.tools:
            found.setdefault((rule.effect, tool), []).append(rule)
    return {key: tuple(listed) for key, listed in found.items()}


def _fingerprint(rules: Iterable[Rule]) -> str:
    said = sorted([rule.effect, rule.source] for rule in rules)
    return hashlib.sha256(canonical_json([ENGINE, said]).encode("ascii")).hexdigest()
