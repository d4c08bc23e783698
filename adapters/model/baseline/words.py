"""Reasons and money as the baselines put them."""

from __future__ import annotations

import re

from schemas.agents import Reason


def coded(code: str, sentence: str) -> Reason:
    """Return a reason whose code and sentence fit their bounds."""
    slug = re.sub(r"[^a-z0-9]+", "_", code.lower()).strip("_")[:40]
    return Reason(code=slug or "other", sentence=sentence[:300])
