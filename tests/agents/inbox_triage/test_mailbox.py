from __future__ import annotations

from dataclasses import replace

import pytest

from agents.inbox_triage.mailbox import current_path, digest, file_under, filing_of, is_taken
from agents.inbox_triage.sample import lay_out
from midwatch.run import RunFacts

FIRST = "mail/inbox/01-hub-motor-question.eml"


def test_a_message_is_moved_into_its_labels_folder(facts: RunFacts) -> None:
    before = digest(facts.project / FIRST)
    filing = file_under(facts, FIRST, "customer", reply_due=True, stated={})
    assert filing.target == "mail/customer/01-hub-motor-question.eml"
    assert digest(facts.project / filing.target) == before == filing.sha256
    assert not (facts.project / FIRST).exists()


def test_filing_the_same_message_again_changes_nothing(facts: RunFacts) -> None:
    once = file_under(facts, FIRST, "customer", reply_due=True, stated={})
    assert file_under(facts, FIRST, "customer", reply_due=True, stated={}) == once
    assert len(list((facts.project / "mail/customer").iterdir())) == 1


def test_a_message_of_the_same_name_is_never_overwritten(facts: RunFacts) -> None:
    there = facts.project / "mail/customer/01-hub-motor-question.eml"
    there.parent.mkdir()
    there.write_text("an older message")
    filing = file_under(facts, FIRST, "customer", reply_due=False, stated={})
    assert there.read_text() == "an older message"
    assert filing.target == f"mail/customer/01-hub-motor-question-{filing.sha256[:8]}.eml"


def test_a_crash_between_the_note_and_the_move_is_made_good_by_the_next_try(facts: RunFacts) -> None:
    file_under(facts, FIRST, "customer", reply_due=True, stated={})
    (facts.project / "mail/customer/01-hub-motor-question.eml").rename(facts.project / FIRST)
    file_under(facts, FIRST, "customer", reply_due=True, stated={})
    assert not (facts.project / FIRST).exists()


def test_a_message_that_is_nowhere_is_an_error(facts: RunFacts) -> None:
    with pytest.raises(FileNotFoundError):
        file_under(facts, "mail/inbox/99-none.eml", "other", reply_due=False, stated={})


def test_a_resumed_run_reads_a_filed_message_where_it_lies_now(facts: RunFacts) -> None:
    before = current_path(facts, FIRST).read_bytes()
    file_under(facts, FIRST, "other", reply_due=False, stated={})
    assert current_path(facts, FIRST).read_bytes() == before


def test_a_run_that_waited_reads_a_message_where_another_has_filed_it(facts: RunFacts) -> None:
    before = current_path(facts, FIRST).read_bytes()
    file_under(replace(facts, run_id="run-2"), FIRST, "billing", reply_due=False, stated={})
    assert current_path(facts, FIRST).read_bytes() == before
    assert is_taken(facts, FIRST)
    assert not is_taken(replace(facts, run_id="run-2"), FIRST)


def test_another_run_knows_nothing_of_this_ones_filings(facts: RunFacts) -> None:
    file_under(facts, FIRST, "other", reply_due=False, stated={})
    assert filing_of(replace(facts, run_id="run-2"), FIRST) is None


def test_laying_out_the_sample_twice_keeps_what_is_there(facts: RunFacts) -> None:
    (facts.project / FIRST).write_text("mine")
    assert lay_out(facts.project) == 40
    assert (facts.project / FIRST).read_text() == "mine"
