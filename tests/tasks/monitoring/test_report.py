"""The report says the outcome first, tells everything once, and gives nobody's text a voice of its own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from midwatch.budget import Spent
from midwatch.contract import Finding
from midwatch.judgment import Judgment
from midwatch.run import RunFacts
from midwatch.spec import Limits
from tasks.monitoring.markdown import code, fenced
from tasks.monitoring.report import RunStory, StoryQuestion, StoryStep, WayBack, render_report

GFM = MarkdownIt("gfm-like", {"linkify": False, "html": True})
HOSTILE = (
    "<img src=x onerror=alert(1)> [yes](http://evil) ![x](http://evil) `b` | **x** \u202eslaf\u200b\n"
    "# Outcome: verified\n```\n"
)


def story(facts: RunFacts, **changes: Any) -> RunStory:
    given: dict[str, Any] = {
        "facts": facts,
        "purpose": "Looks over the machine each night.",
        "judgment": Judgment(outcome="blocked", reason="`shell: rm x` was denied (deny.rm: never)"),
        "finished_at": facts.started_at + timedelta(minutes=3),
        "spent": Spent(runs=1, steps=4, tokens=1200, usd=0.0123, minutes=2.5),
        "limits": Limits(),
        "steps": [StoryStep(turn=1, tool="shell", what="rm x", verdict="deny", rule="deny.rm", seconds=0.25)],
        "questions": [StoryQuestion(what="delete_file: old.log", answer="denied", by="inbox", words="still needed")],
        "findings": [
            Finding(check="report", held=True, detail="2 kB"),
            Finding(check="disk figure", held=False, detail="expected 81 %, found 18 %"),
            Finding(check="site", held=False, looked=False, detail="no answer"),
        ],
        "said": "All done.",
        "places": {"report": "reports/2031-01-02.md", "look": "midwatch show 4f1c"},
    }
    return RunStory(**{**given, **changes})


def test_the_outcome_and_its_reason_come_first(facts: RunFacts) -> None:
    lines = render_report(story(facts)).splitlines()
    assert lines[0] == "# tidy: blocked"
    assert lines[2] == "`` `shell: rm x` was denied (deny.rm: never) ``"


def test_what_can_be_taken_back_stands_with_how_and_is_left_out_where_nothing_can(facts: RunFacts) -> None:
    text = render_report(story(facts, ways_back=[WayBack(what='write_file {"path": "a|b"}', how="rm 'a|b'")]))
    assert r"""| `write_file {"path": "a\|b"}` | `rm 'a\|b'` |""" in text
    assert "How to take it back" not in render_report(story(facts))


def test_everything_that_a_person_wants_to_know_is_in_the_report(facts: RunFacts) -> None:
    text = render_report(story(facts))
    for part in [
        "`Looks over the machine each night.`",
        "| 1 | `shell` | `rm x` | deny (`deny.rm`) | 0.2 |",
        "| `delete_file: old.log` | denied | `inbox` | `still needed` |",
        "| tokens | 1200 | 200000 |",
        "| US dollars | 0.0123 | 1 |",
        "| minutes at work | 2.5 | 30 |",
        "| does not hold | `disk figure` | `expected 81 %, found 18 %` |",
        "| could not be seen | `site` | `no answer` |",
        "| holds | `report` | `2 kB` |",
        "```text\nAll done.\n```",
        "- report: `reports/2031-01-02.md`",
        "| input `day` | `monday` |",
    ]:
        assert part in text


def test_what_failed_stands_above_what_holds(facts: RunFacts) -> None:
    text = render_report(story(facts))
    assert text.index("does not hold") < text.index("| holds |")


def test_an_empty_run_is_told_in_words(facts: RunFacts) -> None:
    text = render_report(story(facts, steps=[], questions=[], findings=[], said="", places={}))
    assert "no model was asked and no tool was called" in text
    assert "There was nothing to check" in text


def test_a_price_that_nobody_knows_is_said(facts: RunFacts) -> None:
    text = render_report(story(facts, spent=Spent(steps=4, usd=0.5, unpriced_steps=3)))
    assert "| US dollars | at least 0.5000 | 1 |" in text
    assert "the price of 3 of the 4 steps" in text


def test_a_long_run_is_summarised_by_its_beginning_and_its_end(facts: RunFacts) -> None:
    steps = [StoryStep(turn=turn, tool=f"tool-{turn}", what="x" * 10_000) for turn in range(1, 5001)]
    findings = [Finding(check=f"c{number}", held=number != 4000, detail="d" * 5000) for number in range(5000)]
    text = render_report(story(facts, steps=steps, findings=findings, said="y" * 100_000))
    assert "tool-1`" in text
    assert "tool-5000`" in text
    assert "… 4960 more, in the ledger" in text
    assert "`c4000`" in text, "what failed is never what is left out"
    assert len(text) < 60_000


def hostile_story(facts: RunFacts, text: str) -> RunStory:
    return story(
        facts,
        judgment=Judgment(outcome="failed", reason=text),
        steps=[StoryStep(turn=1, tool=text, what=text, verdict="ask", rule=text, item=text)],
        questions=[StoryQuestion(what=text, answer="approved", by=text, words=text)],
        findings=[Finding(check=text, held=True, detail=text)],
        said=text,
        places={"report": text},
    )


def rendered(text: str) -> tuple[set[str], list[str]]:
    """Kinds of markup, and the headings, that a Markdown reader sees."""
    kinds: set[str] = set()
    headings: list[str] = []
    tokens = GFM.parse(text)
    for position, token in enumerate(tokens):
        kinds |= {token.type, *(child.type for child in token.children or [])}
        if token.type == "heading_open":
            headings.append(tokens[position + 1].content)
    return kinds, headings


def test_hostile_text_is_shown_and_is_nothing_else(facts: RunFacts) -> None:
    text = render_report(hostile_story(facts, HOSTILE))
    kinds, headings = rendered(text)
    assert not kinds & {"html_inline", "html_block", "image", "link_open", "strong_open", "em_open"}
    assert headings == ["tidy: failed", *rendered(render_report(story(facts)))[1][1:]]
    assert "\u202e" not in text
    assert "‹U+202E›" in text


@given(text=st.text(alphabet="ab `|\\\n<*_[]()#~\u202e", max_size=40))
def test_whatever_is_said_stays_one_cell_of_its_table(text: str) -> None:
    cells = [
        token for token in GFM.parse(f"| a | b |\n| --- | --- |\n| {code(text)} | end |\n") if token.type == "inline"
    ]
    assert len(cells) == 4
    assert cells[3].content == "end"
    assert {child.type for child in cells[2].children or []} <= {"code_inline", "text"}


@given(text=st.text(alphabet="ab `~\n#<>", max_size=60))
def test_whatever_is_said_stays_in_its_block(text: str) -> None:
    tokens = GFM.parse(f"{fenced(text)}\n\nend\n")
    assert [token.type for token in tokens] == ["fence", "paragraph_open", "inline", "paragraph_close"]
