"""A sentence that people believe, put to a run."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """What is said, whether the run bears it out, and what the run gave."""

    says: str
    holds: bool  # computed from the facts, never assumed
    facts: Mapping[str, object]  # what was measured, by name
    rather: str  # the sentence as it should be, or why it holds
