"""Digest: where does a line lead? To the page on which it is decided, or to the run in Prefect's UI."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from prefect.settings import PREFECT_UI_URL

from midwatch.characters import visible
from midwatch.digest import See
from midwatch.run_ids import short

MOST: Final = 20
"""Questions that one address names; with more it leads to all that wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    address: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Empty: nothing is linked there."""

    ui: str = ""
    """Prefect's."""
    page: str | None = None
    """The approval page; "" on that page itself."""
    stories: bool = False
    """A run leads to its story on that page, not into Prefect's UI: for whoever is logged in there."""

    def of(self, see: See) -> Link | None:
        """None where there is nothing to follow: the line shows its command."""
        run = visible(f"run {short(see.run_id)}")
        if see.ask_ids and self.page is not None:
            asked = urlencode([("ask", ask_id) for ask_id in see.ask_ids])
            path = f"/request?{asked}" if len(see.ask_ids) <= MOST else "/"
            return Link(address=f"{self.page}{path}", label=f"decide, {run}")
        if see.run_id and self.stories:
            return Link(address=f"{self.page or ''}/run/{quote(see.run_id, safe='')}", label=run)
        if see.run_id and self.ui:
            return Link(address=f"{self.ui}/runs/flow-run/{quote(see.run_id, safe='')}", label=run)
        return None


def links_of(home: Path, environ: Mapping[str, str] = os.environ) -> Links:
    """As they are for whoever reads elsewhere; the page is where `MIDWATCH_PAGE_URL` says, else on this machine."""
    page = environ.get("MIDWATCH_PAGE_URL", "").rstrip("/") or _local_page(home)
    return Links(ui=PREFECT_UI_URL.value() or "", page=page)


def _local_page(home: Path) -> str | None:
    """None where it was never up."""
    try:
        return f"http://127.0.0.1:{int((home / 'page.port').read_text())}"
    except (OSError, ValueError):
        return None
