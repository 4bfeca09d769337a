"""A verdict a month, as an artifact of the real server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from prefect.artifacts import Artifact

from midwatch.spec import AgentSpec
from midwatch.worth.answers import Answers
from midwatch.worth.profile import Profile
from tasks.harness.worth_review import review_worth
from tests.flows.conftest import Night


@pytest.mark.filterwarnings("ignore:Artifact creation outside of a flow:FutureWarning")  # it is called by one
async def test_a_month_has_one_verdict_which_the_operator_is_told_of(night: Night) -> None:
    spec = AgentSpec.model_validate({"name": "unpaid", "description": "d", "instructions": "i"})
    now, ledger = datetime.now(UTC), night.ledger
    assert await review_worth(ledger, spec, now) == []
    profile = Profile(worst="read", reversible=True, bounded=True, bounds="")
    await ledger.answer_worth("unpaid", Answers(minutes=Decimal(0)), profile, by="anna", via="cli")
    said = ["unpaid: it is not worth it at any level"]
    assert await review_worth(ledger, spec, now) == said
    artifact = await Artifact.aget("unpaid-worth")
    assert artifact is not None
    assert "by what was answered" in str(artifact.data)
    assert await review_worth(ledger, spec, now) == []
    assert await review_worth(ledger, spec, now + timedelta(days=32)) == said
    (alarm,) = [row for row in await ledger.open_alarms() if row.agent == "unpaid"]
    assert alarm.what.startswith("it is not worth it at any level: ")
    await ledger.end_alarm("worth:unpaid:retire", "the test is over")
