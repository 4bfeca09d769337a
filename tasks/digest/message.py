"""Digest: as one Slack message. What does not fit is counted, and stands in the artifact."""

from __future__ import annotations

import json
from typing import Final

from midwatch.digest import Digest, Line, Section
from midwatch.digest.lines import MOST
from midwatch.timeline import text_picture
from tasks.digest.links import Links
from tasks.slack.message import MESSAGE
from tasks.slack.rich import Part, block, fallback, fixed, line, says

ROOMS: Final = (MOST, 5, 3, 1)
"""Lines of a section, the most that fits."""


def digest_blocks(digest: Digest, links: Links) -> list[Part]:
    """The whole message; nobody is mentioned in it."""
    for most in ROOMS:
        if len(json.dumps(found := _blocks(digest, links, most))) <= MESSAGE:
            return found
    return [block(line(says(digest.title, bold=True))), *_headline(digest)]


def notification(digest: Digest) -> str:
    """What the phone shows: Midwatch's words alone."""
    return fallback(f"{digest.title}. {digest.headline[0].text}")


def _blocks(digest: Digest, links: Links, most: int) -> list[Part]:
    picture = text_picture(digest.timeline)
    drawn = [block(fixed(picture))] if picture else []
    sections = [_section(section, links, most) for section in digest.sections]
    return [block(line(says(digest.title, bold=True))), *_headline(digest), *drawn, *sections]


def _headline(digest: Digest) -> list[Part]:
    return [block(line(*_words(each))) for each in digest.headline]


def _section(section: Section, links: Links, most: int) -> Part:
    shown = section.lines[:most]
    left = section.left_out + len(section.lines) - len(shown)
    lines = [line(*_words(each), *_see(each, links)) for each in shown]
    where = f": {section.see.command}" if section.see else ""
    lines += [line(says(f"and {left} more{where}"))] if left else []
    listed = {"type": "rich_text_list", "style": "bullet", "elements": lines}
    return block(line(says(section.title, bold=True)), listed)


def _words(each: Line) -> list[Part]:
    return [says(part) if isinstance(part, str) else says(part.line, code=True) for part in each.parts]


def _see(each: Line, links: Links) -> list[Part]:
    if each.see is None:
        return []
    if link := links.of(each.see):
        return [says(" · "), {"type": "link", "url": link.address, "text": link.label}]
    return [says(" · "), says(each.see.command, code=True)]
