"""Monitoring: what did a check see?"""

from __future__ import annotations

from pydantic import BaseModel, model_validator

from midwatch.contract.strict import STRICT


class _Strict(BaseModel):
    model_config = STRICT


class Finding(_Strict):
    """One thing that a check saw."""

    check: str
    held: bool
    detail: str
    """What was expected and what was there, with figures."""
    looked: bool = True
    """False: the check itself could not look (it threw, timed out, lacks its URL); then `held` is False too."""
    empty: bool = False
    """There was nothing that could have been otherwise: where it holds, it confirms nothing."""

    @model_validator(mode="after")
    def _unseen_never_holds(self) -> Finding:
        if self.held and not self.looked:
            raise ValueError("a check that could not look cannot hold")
        return self
