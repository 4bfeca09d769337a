"""Nobody is promoted, nor proposed, on evidence that the journal does not bear out: the row is named, and what to do."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, func, literal, select, text, update

from midwatch.errors import LedgerError
from midwatch.halt import Target
from midwatch.ledger import Ledger
from midwatch.ledger.tables import asks, effects, halts, incidents, journal, labels, runs
from midwatch.ledger.transaction import Write
from tests.midwatch.ledger.climbs import AGENT, MARK, OTHER, RULE, by, climbed, nights, past
from tests.midwatch.ledger.conftest import START, FakeClock

DAY = timedelta(days=1)
BEGAN: dict[str, Any] = {"cause": "person", "slot": None, "asked_level": None, "input": {}, "fingerprint": "f"}
BEGAN |= {"level": 3, "started_at": START, "evidence": MARK.whole}
CLASS: dict[str, Any] = {"fingerprint": MARK.whole, "ceiling": 5}
REFUSED = r"is not what the journal holds.*nobody is promoted on such evidence of owl: `midwatch verify`"


async def forged(ledger: Ledger, *statements: Any) -> None:
    """By another hand than the ledger's."""

    def work(tx: Write) -> None:
        for statement in statements:
            tx.connection.execute(statement)

    await ledger.write(work, durable=True)


async def test_what_a_climb_leaves_is_what_its_journal_says(ledger: Ledger) -> None:
    """Or nothing below would show anything."""
    await past(ledger, 40)
    await past(ledger, 12, verdict="denied", name="denied", planted="it is a test")
    await nights(ledger, 3)
    assert [str(one) for one in (await ledger.verify()).findings if one.what != "unearned"] == []
    assert await ledger.evidence_doubt(AGENT) == ""


def copied(table: Any, where: Any, **other: Any) -> Any:
    """INSERT of the rows that stand there, once more with other values."""
    columns = [column for column in table.c if column.name not in ("effect_id", "incident_id")]
    picked = [other.get(column.name, column).label(column.name) for column in columns]
    return table.insert().from_select([column.name for column in columns], select(*picked).where(where))


AGAIN = (
    copied(
        asks,
        asks.c.ask_id.like("past%"),
        ask_id="x" + asks.c.ask_id,
        call_id="x" + asks.c.call_id,
        digest="x" + asks.c.digest,
    ),
    copied(effects, effects.c.run_id.like("past%"), call_id="x" + effects.c.call_id, digest="x" + effects.c.digest),
)
"""Everything that was asked and done, twice."""
TEST = {"planted": literal("it is wrong"), "verdict": literal("denied"), "ask_id": "t" + asks.c.ask_id}


@pytest.mark.parametrize(
    ("forgery", "named"),
    [
        (AGAIN, r"asks ask_id xpast-\d+:\d+"),
        ((update(asks).where(asks.c.verdict == "denied").values(verdict="approved"),), "asks ask_id no-0:0"),
        ((update(asks).values(context_json='{"risk": "note"}'),), "asks ask_id no-0:0"),
        ((delete(asks).where(asks.c.verdict == "denied"),), "asks ask_id no-0:0"),
        ((delete(incidents),), "incidents incident_id 1"),
        ((update(incidents).values(severity="minor"),), "incidents incident_id 1"),
        ((update(incidents).values(agent="lark"),), "incidents incident_id 1"),
        ((update(effects).values(result_json='"well done"'),), "effects effect_id 1"),
        ((update(effects).values(settled_at=START - 90 * DAY),), "effects effect_id 1"),
        ((update(runs).where(runs.c.run_id == "no-0").values(evidence=OTHER.whole),), "runs run_id no-0"),
        ((update(runs).where(runs.c.run_id == "no-0").values(shadow=True),), "runs run_id no-0"),
        ((update(runs).where(runs.c.run_id == "no-0").values(agent="lark"),), "runs run_id no-0"),
        ((update(runs).where(runs.c.run_id == "lark").values(agent=AGENT),), "runs run_id lark"),
        ((copied(asks, asks.c.ask_id.like("past%"), **TEST),), r"asks ask_id tpast-\d+:\d+"),
        ((update(halts).values(lifted_at=START),), "halts halt_id 1"),
    ],
)
async def test_evidence_by_another_hand_promotes_nobody_and_its_row_is_named(
    ledger: Ledger, forgery: tuple[Any, ...], named: str
) -> None:
    await past(ledger, 340)
    await past(ledger, 1, days=1, verdict="denied", name="no")
    await ledger.report_incident("past-3", severity="major", by="anna", via="cli", because="it overwrote a file")
    await ledger.start_run("lark", agent="lark", **BEGAN)
    await ledger.halt(Target("agent", "lark"), by="anna", via="cli", because="a look")
    await forged(ledger, *forgery)
    with pytest.raises(LedgerError, match=f"^{named} {REFUSED}"):
        await ledger.promote_class(AGENT, RULE, by(), **CLASS)
    assert re.match(f"^{named} {REFUSED}", await ledger.evidence_doubt(AGENT))
    assert await ledger.moves_of(AGENT) == []


async def test_rows_that_nobody_journalled_would_be_enough_and_earn_nothing(ledger: Ledger) -> None:
    await past(ledger, 170)
    await forged(ledger, *AGAIN)
    assert (await ledger.class_record(AGENT, RULE, MARK.whole, START)).verdict.ready
    with pytest.raises(LedgerError, match=rf"^asks ask_id xpast-\d+:\d+ {REFUSED}"):
        await ledger.promote_class(AGENT, RULE, by(), **CLASS)
    assert await ledger.level_of(AGENT, START) == 3


async def test_rows_that_nobody_journalled_do_not_put_an_agent_on_a_level_either(ledger: Ledger) -> None:
    await climbed(ledger)
    await nights(ledger, 60)
    await forged(ledger, copied(runs, runs.c.run_id.like("night-1%"), run_id="x" + runs.c.run_id))
    with pytest.raises(LedgerError, match=rf"^runs run_id xnight-1\d* {REFUSED}"):
        await ledger.promote_level(AGENT, 5, by(), **CLASS)
    await ledger.grant_level(AGENT, 3, by="anna", because="not so fast")
    with pytest.raises(LedgerError, match=rf"^runs run_id xnight-1\d* {REFUSED}"):
        await ledger.promote_level(AGENT, 4, by(), **CLASS)
    assert await ledger.level_of(AGENT, START) == 3


async def test_what_another_agent_has_done_and_what_no_evidence_is_counted_from_keeps_nobody_down(
    ledger: Ledger,
) -> None:
    await past(ledger)
    await ledger.start_run("lark", agent="lark", **BEGAN)
    await ledger.add_label("past-3", "untrusted", "a mail")
    await forged(ledger, update(runs).where(runs.c.run_id == "lark").values(reason="all is well"))
    await forged(ledger, update(labels).values(why="nothing"))
    assert len((await ledger.verify()).findings) == 2
    await ledger.promote_class(AGENT, RULE, by(), **CLASS)
    assert await ledger.level_of(AGENT, START) == 4


async def test_an_override_stands_on_no_evidence_and_is_a_persons_word(ledger: Ledger) -> None:
    await past(ledger, 40)
    await forged(ledger, update(effects).values(result_json='"well done"'))
    await ledger.promote_class(AGENT, RULE, by(because="it is urgent", until=START + DAY), **CLASS)
    assert await ledger.level_of(AGENT, START) == 4


async def rewritten(ledger: Ledger, body: Any) -> None:
    """The body of the fourth entry, by somebody who may drop the triggers."""

    def work(tx: Write) -> None:
        if tx.connection.dialect.name == "sqlite":
            tx.connection.execute(text("DROP TRIGGER journal_no_update"))
        else:
            tx.connection.execute(text("SET session_replication_role = replica"))
        tx.connection.execute(update(journal).where(journal.c.seq == 4).values(body=body))

    await ledger.write(work, durable=True)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (func.replace(journal.c.body, "anna", "bill"), "the journal is broken at entry 4"),
        ("{", "the journal cannot be read"),
        ("[]", "the journal cannot be read"),
    ],
)
async def test_a_journal_that_is_not_whole_or_cannot_be_read_bears_nothing_out(
    ledger: Ledger, body: Any, said: str
) -> None:
    await past(ledger)
    await rewritten(ledger, body)
    with pytest.raises(LedgerError, match=said):
        await ledger.promote_class(AGENT, RULE, by(), **CLASS)
    assert said in await ledger.evidence_doubt(AGENT)
    assert await ledger.level_of(AGENT, START) == 3


class Meanwhile:
    """Something that is done to the ledger's file while its evidence is looked at, which does not see it."""

    def __init__(self, url: str, statement: str) -> None:
        self.path, self.statement, self.done = url.partition("///")[2], statement, False

    def __call__(self, _: int) -> None:
        if not self.done:
            self.done = True
            with closing(sqlite3.connect(self.path)) as file:
                file.executescript(self.statement)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE asks SET verdict = 'expired' WHERE verdict = 'denied'",
        "INSERT INTO incidents SELECT 9, agent, run_id, NULL, NULL, 'minor', 'by', 'via', 'why', started_at FROM runs LIMIT 1",
        "DROP TRIGGER journal_no_delete; DELETE FROM journal WHERE seq > 7",
    ],
)
async def test_what_was_changed_between_the_look_and_the_signature_promotes_nobody(
    ledger: Ledger, url: str, statement: str
) -> None:
    await past(ledger)
    await past(ledger, 1, days=1, verdict="denied", name="no", since=START - 9 * DAY)
    meanwhile = Meanwhile(url, statement)
    with pytest.raises(LedgerError, match="was changed while it was looked at; do it again"):
        await ledger.promote_class(AGENT, RULE, by(), **CLASS, seen=meanwhile)
    assert meanwhile.done
    assert await ledger.level_of(AGENT, START) == 3


async def test_what_ripens_between_the_look_and_the_signature_is_for_the_next_time(
    ledger: Ledger, clock: FakeClock
) -> None:
    """What is signed stands on what was looked at, and one clean action was missing then."""
    await past(ledger, 331)
    await past(ledger, 1, days=1, name="late", since=START - timedelta(hours=23))

    def later(_: int) -> None:
        clock.forward(hours=2)

    with pytest.raises(LedgerError, match=r"has not earned ask\.push: 1 more clean action"):
        await ledger.promote_class(AGENT, RULE, by(), **CLASS, seen=later)
    await ledger.promote_class(AGENT, RULE, by(), **CLASS)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_what_the_ledger_itself_writes_meanwhile_keeps_nobody_down(ledger: Ledger, url: str) -> None:
    await past(ledger)

    async def labelled() -> None:
        async with Ledger.open(url) as beside:
            await beside.add_label("past-3", "untrusted", "a mail")

    await ledger.promote_class(AGENT, RULE, by(), **CLASS, seen=lambda _: asyncio.run(labelled()))
    assert await ledger.level_of(AGENT, START) == 4
