"""Human judgment: what happened while nobody looked? Everything that interrupts nobody, in one digest."""

from midwatch.digest.compose import digest_of
from midwatch.digest.facts import DayMeter, Done, Facts, Held
from midwatch.digest.lines import Digest, Foreign, Line, Section, See

__all__ = ["DayMeter", "Digest", "Done", "Facts", "Foreign", "Held", "Line", "Section", "See", "digest_of"]
