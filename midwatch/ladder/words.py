"""The ladder: what does the evidence say, in one sentence for a person who knows no statistics?"""

from __future__ import annotations

from math import ceil, floor, log10

from midwatch.ladder.evidence import Evidence
from midwatch.ladder.standing import Verdict
from midwatch.ladder.thresholds import CONFIDENCE


def in_words(evidence: Evidence, verdict: Verdict, *, unit: str = "action") -> str:
    """As in "after 612 clean actions on 34 days the error rate is below 0.89 % with 95 % confidence; 140 more to go"."""
    days = f"{evidence.days:,} day{'' if evidence.days == 1 else 's'}"
    after = "since the last fall, after" if len(evidence.climbs) > 1 else "after"
    return f"{after} {_seen(evidence, unit)} on {days} {_claim(verdict)}; {_rest(verdict)}"


def percent(share: float) -> str:
    """Two digits, rounded up, so that "below" stays true."""
    if not 0 < share < 1:
        return f"{share:.0%}".replace("%", " %")
    hundredths = share * 100
    digits = max(0, 1 - floor(log10(hundredths)))
    scale = 10**digits
    return f"{ceil(hundredths * scale - 1e-9) / scale:g} %"


def _seen(evidence: Evidence, unit: str) -> str:
    climb = evidence.climb
    clean = f"{climb.clean:,} clean {unit}{'' if climb.clean == 1 else 's'}"
    bad = [f"{count:,} {kind}" for kind, count in (("minor", climb.minor), ("major", climb.major)) if count]
    errors = f" and {' and '.join(bad)} error{'' if climb.minor + climb.major == 1 else 's'}" if bad else ""
    inherited = f" ({evidence.inherited:,} of them inherited)" if evidence.inherited else ""
    return clean + inherited + errors


def _claim(verdict: Verdict) -> str:
    if verdict.bound >= 1:
        return "nothing can be said of the error rate"
    return f"the error rate is below {percent(verdict.bound)} with {percent(CONFIDENCE)} confidence"


def _rest(verdict: Verdict) -> str:
    if verdict.ready:
        return "that is enough"
    if verdict.needed:
        return f"{verdict.needed:,} more to go"
    return "; ".join(verdict.missing)
