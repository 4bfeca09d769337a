"""Which message a question stands in, and whether it is found again."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from midwatch.ledger import AskRow
from tasks.slack.posts import FRESH, Post, read, with_new, write
from tests.tasks.slack.test_message import row

NOW = 1_800_000_000.0


def asked(ask_id: str, run_id: str, **facts: Any) -> AskRow:
    return row(ask_id=ask_id, run_id=run_id, **facts)


def posted(*ask_ids: str, ago: float = 10) -> Post:
    return Post(post_id="p", ask_ids=ask_ids, channel="C", tried_at=NOW - ago, ts="1.0", shown=ask_ids)


def holds(posts: tuple[Post, ...]) -> list[tuple[str, ...]]:
    return [post.ask_ids for post in posts]


def after(posts: list[Post], waiting: list[AskRow], held: frozenset[str] = frozenset()) -> list[tuple[str, ...]]:
    return holds(with_new(posts, waiting, held, "C", NOW))


def test_the_same_asked_by_several_runs_is_one_message_and_something_else_is_another() -> None:
    waiting = [asked("a1", "a"), asked("b1", "b"), asked("c1", "c", tool="shell"), asked("d1", "d", rule="ask.2")]
    assert after([], waiting) == [("a1", "b1"), ("c1",), ("d1",)]


def test_all_that_one_run_asks_is_one_message() -> None:
    waiting = [asked("a1", "a"), asked("a2", "a", tool="shell"), asked("b1", "b")]
    assert after([], waiting) == [("a1", "a2"), ("b1",)]


def test_what_is_asked_again_joins_the_message_that_asks_for_it() -> None:
    waiting = [asked("a1", "a"), asked("b1", "b"), asked("a2", "a")]
    assert after([posted("a1")], waiting) == [("a1", "a2", "b1")]


def test_it_does_not_join_a_message_that_is_decided_or_that_nobody_is_notified_of_any_more() -> None:
    assert after([posted("a1")], [asked("b1", "b")]) == [("a1",), ("b1",)]
    assert after([posted("a1", ago=FRESH)], [asked("a1", "a"), asked("b1", "b")]) == [("a1",), ("b1",)]


def test_of_two_messages_that_ask_for_it_the_newer_one_takes_it() -> None:
    waiting = [asked("a1", "a"), asked("b1", "b"), asked("c1", "c")]
    assert after([posted("a1"), posted("b1")], waiting) == [("a1",), ("b1", "c1")]


def test_what_is_held_back_is_in_no_message_until_it_is_not() -> None:
    waiting = [asked("a1", "a"), asked("b1", "b")]
    assert after([], waiting, frozenset({"a1", "b1"})) == []
    assert after([], waiting, frozenset({"b1"})) == [("a1",)]
    assert after([posted("a1")], waiting, frozenset({"a1"})) == [("a1", "b1")]


def test_the_file_comes_back_as_it_was(tmp_path: Path) -> None:
    posts = (posted("a1", "b1"), Post(post_id="q", ask_ids=("c1",), channel="C"))
    write(tmp_path / "slack.json", posts)
    assert read(tmp_path / "slack.json") == posts
    assert read(tmp_path / "none.json") == ()


def test_messages_of_a_version_that_named_the_run_are_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "slack.json").write_text(json.dumps([{**asdict(posted("a1")), "run_id": "a"}]))
    assert read(tmp_path / "slack.json") == (posted("a1"),)


@pytest.mark.parametrize("kept", ['[{"post_id": "p"}]', '[{"post_id": "p", "ask_ids": [], "shown": null, "x": 1}]'])
def test_what_is_no_list_of_posts_is_said_to_be_none(tmp_path: Path, kept: str) -> None:
    (tmp_path / "slack.json").write_text(kept)
    with pytest.raises(ValueError, match="holds no list of posts"):
        read(tmp_path / "slack.json")
