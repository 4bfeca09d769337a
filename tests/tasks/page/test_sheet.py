from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.calls import visible
from midwatch.ledger import AskKind
from tasks.page.sheet import edit_page, inbox_page, login_page, request_page, style, told_page
from tests.tasks.page.parsed import Parsed
from tests.tasks.page.questions import NOW, page, request, row

HOSTILE = [
    "<script>alert(1)</script>",
    "</textarea></pre></code><img src=x onerror=alert(1)>",
    '" autofocus onfocus=alert(1) x="',
    "{{ 7*7 }}{% raw %}",
    "javascript:alert(1)",
    "approve\u202eevorppa\u2066",
    "a\u200bb\u00a0c\x1b[8m",
    "x" * 30_000,
    "</style><style>*{display:none}",
    "&lt;b&gt;&amp;",
]
KNOWN_TAGS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "nav",
        "main",
        "section",
        "footer",
        "form",
        "fieldset",
    ),
    *(
        "legend",
        "label",
        "input",
        "textarea",
        "select",
        "option",
        "button",
        "a",
        "p",
        "h1",
        "h2",
        "h3",
        "ul",
        "li",
        "div",
    ),
    *("dl", "dt", "dd", "pre", "code", "span", "ins", "del", "strong", "figure", "figcaption", "blockquote", "details"),
    "summary",
}
KNOWN_ATTRIBUTES = {
    *("lang", "charset", "name", "content", "class", "id", "href", "method", "action", "autocomplete", "type", "value"),
    *("disabled", "hidden", "role", "tabindex", "for", "rows", "maxlength", "checked", "selected", "rel", "required"),
    *("inputmode", "spellcheck", "autocapitalize", "autofocus", "aria-labelledby", "aria-label", "aria-describedby"),
    *("aria-invalid", "aria-hidden", "formmethod", "open"),
}


def hostile_everywhere(text: str) -> list[str]:
    """Every page that shows a text of somebody's, with `text` in each place that it has."""
    said: dict[str, Any] = {"reason": text, "words": text, "rule": text, "by": text, "decided_because": text}
    preview = {"label": text, "text": f"+{text}\n-{text}", "form": "diff", "instead_of": []}
    context = {"purpose": text, "read": [text], "read_in_all": 3, "preview": preview}
    context |= {"parameters": {"properties": {"path": {"description": text, "enum": [text, "b"]}}}}
    call = row(arguments={"path": text, text: [text], "n": 1, "b": True}, context=context, agent=text, **said)
    asked = row(kind="answer", arguments={"question": text, "options": [text, "b"]}, **said)
    done = replace(call, verdict="edited", answer=text, via=text, edited_args_json=text, decided_at=NOW, planted=text)
    typed = {"q0.reason": text, "q0.answer": text, "a0": text, "a1": text}
    at = page(
        typed=typed, faults={"q0.reason": text, "": text, "a1": text}, notes=[text], by=text, runs={"0123456789": text}
    )
    requests = [request(call), request(call, asked), request(done), request(asked)]
    return [
        *(request_page(one, at) for one in requests),
        edit_page(requests[0], at),
        inbox_page([[call], [call, asked], [asked]], at),
        login_page(replace(at, faults={"": text})),
        told_page(text, text, at),
    ]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:20].encode("ascii", "replace").decode())
def test_what_others_wrote_is_text_wherever_it_stands(text: str) -> None:
    for html in hostile_everywhere(text):
        parsed = Parsed(html)
        assert {one.tag for one in parsed.elements} <= KNOWN_TAGS
        assert {name for one in parsed.elements for name in one.attributes} <= KNOWN_ATTRIBUTES
        assert parsed.misnested == []
        assert parsed.one("style").text == style()


@given(st.text(max_size=60))
def test_nothing_that_cannot_be_seen_is_on_a_page(text: str) -> None:
    html = request_page(request(row(arguments={"path": text}, words=text)), page())
    assert visible(Parsed(html).one("main").text) == Parsed(html).one("main").text.replace("‹", "‹U+2039›")


@given(st.text(max_size=300).filter(lambda text: text.strip() == text and text))
def test_nothing_of_an_argument_is_left_out(text: str) -> None:
    html = request_page(request(row(arguments={"command": text})), page())
    assert visible(text) in "".join(one.text for one in Parsed(html).all("pre"))


def test_a_page_fetches_nothing_and_runs_nothing() -> None:
    html = request_page(request(row(), row(ask_id="two")), page(runs={"0123456789": "http://127.0.0.1:4200/runs/x"}))
    for word in ("<script", "<img", "<link", "@import", "url(", "<iframe", "http-equiv"):
        assert word not in html


def test_the_title_says_what_is_asked_and_the_page_in_which_language() -> None:
    parsed = Parsed(request_page(request(row(tool="delete_file", agent="machine-report")), page()))
    assert parsed.one("title").text == "machine-report asks: delete_file · Midwatch"
    assert parsed.one("html").attributes["lang"] == "en"
    assert len(parsed.all("h1")) == 1


def test_everything_is_there_that_a_person_decides_by() -> None:
    context = {"purpose": "Keeps services up.", "then": "end", "read": ["read_file mail.eml"], "read_in_all": 1}
    html = request_page(request(row(words="Quickly, please.", context=context)), page())
    said = Parsed(html).one("main").text
    for text in (
        "Keeps services up.",
        "a.txt",
        "it writes a file",
        "ask.files",
        "read_file mail.eml",
        "The agent's own words",
        "Quickly, please.",
        "exactly this runs, once",
        "the agent is told your reason",
        "the run ends as blocked",
        "in 2 h 10 min",
        "UTC",
        "0.0100 US dollars",
        "midwatch show 23456789",
        "anna",
    ):
        assert text in said


def test_a_diff_is_marked_by_its_signs_and_by_elements_not_by_colour_alone() -> None:
    preview = {"label": "Changes", "text": "@@ -1 +1 @@\n-old\n+new\n same", "form": "diff", "instead_of": ["content"]}
    parsed = Parsed(request_page(request(row(context={"preview": preview})), page()))
    assert [one.text for one in parsed.all("ins")] == ["+new\n"]
    assert [one.text for one in parsed.all("del")] == ["-old\n"]


def test_every_field_has_a_label_and_every_reference_leads_somewhere() -> None:
    faults = {"q0.reason": "too long", "q1.answer": "say something", "a0": "wrong"}
    asked = row(ask_id="two", kind="answer", arguments={"question": "Which?", "options": ["a", "b"]})
    schema = {"parameters": {"properties": {"path": {"description": "where"}}}}
    at = page(faults=faults, typed={"q0.do": "deny"})
    pages = [request_page(request(row()), at), request_page(request(row(), asked), at), login_page(page())]
    pages += [
        request_page(request(asked), at),
        edit_page(request(row(arguments={"path": "a", "on": True}, context=schema)), at),
    ]
    for html in pages:
        parsed = Parsed(html)
        ids = [one.attributes["id"] for one in parsed.elements if "id" in one.attributes]
        assert len(ids) == len(set(ids))
        labelled = {one.attributes.get("for") for one in parsed.all("label")}
        for one in parsed.elements:
            kind = one.attributes.get("type")
            if one.tag in ("textarea", "select") or (one.tag == "input" and kind in ("text", "password")):
                assert one.attributes.get("id") in labelled or "hidden" in one.attributes
            for name in ("aria-labelledby", "aria-describedby"):
                assert set((one.attributes.get(name) or "").split()) <= set(ids), (name, one)


def test_enter_in_a_field_decides_nothing() -> None:
    """The first button of a form is what Enter presses; this one ends a dialog that is not there."""
    for html in (request_page(request(row()), page()), edit_page(request(row()), page())):
        first = next(one for one in Parsed(html).elements if one.tag == "button")
        assert first.attributes["formmethod"] == "dialog"


@pytest.mark.parametrize(
    ("kind", "buttons"),
    [
        ("approve", ["approve", "deny", "always"]),
        ("park", ["approve", "deny"]),
        ("answer", ["answer", "deny"]),
        ("settle", ["happened", "did_not_happen"]),
    ],
)
def test_each_kind_of_question_has_its_answers(kind: AskKind, buttons: list[str]) -> None:
    arguments = {"question": "Which?"} if kind == "answer" else {"path": "a"}
    for login in (True, False):
        parsed = Parsed(request_page(request(row(kind=kind, arguments=arguments)), replace(page(), login=login)))
        wanted = [one for one in buttons if login or one != "always"]
        assert [one.attributes["value"] for one in parsed.all("button", name="q0.do")] == wanted


def decided(one: Any) -> Any:
    return replace(one, verdict="approved", by="bela", via="slack", decided_at=NOW)


def late(one: Any) -> Any:
    return replace(one, deadline=NOW - timedelta(seconds=1))


@pytest.mark.parametrize(("change", "says"), [(decided, "approved by bela through slack"), (late, "Too late")])
def test_what_is_decided_or_too_late_has_no_buttons(change: Callable[[Any], Any], says: str) -> None:
    parsed = Parsed(request_page(request(change(row())), page()))
    assert says in parsed.one("main").text
    assert parsed.all("button") == []


def test_a_planted_proposal_is_told_after_the_decision_and_not_before() -> None:
    planted = row(planted="it deletes the wrong folder")
    assert "wrong folder" not in request_page(request(planted), page())
    assert "it deletes the wrong folder" in request_page(request(decided(planted)), page())


def test_the_page_without_a_token_has_nothing_to_send() -> None:
    assert Parsed(request_page(request(row()), page(form=""))).all("form") == []


def test_a_long_text_scrolls_by_keyboard_and_says_how_long_it_is() -> None:
    parsed = Parsed(request_page(request(row(arguments={"content": "line\n" * 200 + "end"})), page()))
    box = parsed.one("pre", tabindex="0")
    assert (box.attributes["role"], box.attributes["aria-label"]) == ("region", "content")
    assert "201 lines" in parsed.one("main").text
