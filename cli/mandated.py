"""`midwatch rules explain`: what a rule asks about, would a mandate let it through now?"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from blocks.ledger import open_ledger
from cli.explain import Explanation
from cli.home import House
from cli.rulebook import Rulebook
from midwatch.errors import LedgerError
from midwatch.policy.reading import LABELS
from midwatch.run import RunFacts
from tasks.permissions.declared import declared, definition_hash
from tasks.permissions.labels import RunLabels
from tasks.permissions.mandates import Answered, Mandates


async def with_mandates(found: Explanation, book: Rulebook, house: House, *, clean: bool) -> Explanation:
    """`found`, and what the mandates that stand say of it, where a person would be asked."""
    if found.decision.verdict != "ask" or found.call.tool not in book.tools:
        return found
    try:
        answer = await _answer(found, book, house, clean=clean)
    except LedgerError as error:
        said = f"Whether a mandate lets it through could not be looked up: {error}"
    else:
        if answer.decision == found.decision:
            return found
        reason = answer.decision.reason.removeprefix(f"{found.decision.reason}; ")
        said = f"{reason[0].upper()}{reason[1:]}."
    return replace(found, change=(said, *found.change))


async def _answer(found: Explanation, book: Rulebook, house: House, *, clean: bool) -> Answered:
    facts = RunFacts(
        run_id="rules", agent=book.spec.name, started_at=datetime.now(UTC), project=house.project, home=house.home
    )
    tool = book.tools[found.call.tool]
    async with await open_ledger(house.home) as ledger:
        await ledger.migrate()
        return await Mandates(facts=facts, ledger=ledger, policy=book.policy).answer(
            found.decision,
            found.call,
            declared(tool),
            definition_hash(tool),
            book.around(found.call.tool, clean=clean),
            RunLabels(standing=set() if clean else set(LABELS)),
            "",
        )
