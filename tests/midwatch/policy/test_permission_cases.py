"""The shared permission cases, where they are beside the checkout: nothing unsafe in any area."""

from __future__ import annotations

import json

import pytest

from benchmarks.permission_cases import COVERED, SHARED, decide

CASES = SHARED / "cases.jsonl"


@pytest.mark.skipif(not CASES.exists(), reason="the shared permission cases are not beside this checkout")
def test_no_case_is_allowed_that_must_not_be() -> None:
    cases = [json.loads(line) for line in CASES.read_text().splitlines()]
    unsafe = [case["id"] for case in cases if decide(case) == "allow" and "allow" not in case["expected"]]
    assert unsafe == []


@pytest.mark.skipif(not CASES.exists(), reason="the shared permission cases are not beside this checkout")
def test_ordinary_cases_are_allowed_where_there_is_a_matcher() -> None:
    cases = [json.loads(line) for line in CASES.read_text().splitlines()]
    mine = [case for case in cases if case["expected"] == "allow" and case["area"] in COVERED - {"mcp"}]
    assert [case["id"] for case in mine if decide(case) != "allow"] == []
