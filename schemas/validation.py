"""What a validation found, in one sentence for whoever sent the thing."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

_MOST_FIELDS = 8
_LONGEST_NAME = 80


def sentence_of(error: ValidationError, names: Mapping[str, str] | None = None) -> str:
    """Say which fields are wrong and why, without repeating what was sent.

    `names` gives the sender's own words for top-level fields, e.g. `--start` for `start_date`.
    """
    found = error.errors(include_url=False, include_input=False, include_context=False)
    # A list whose items are wrong is also "too short": the items are what is to be mended.
    inner = {each["loc"][:-1] for each in found}
    found = [each for each in found if each["type"] != "too_short" or each["loc"] not in inner]
    parts: list[str] = []
    for each in found[:_MOST_FIELDS]:
        path = [str(part)[:_LONGEST_NAME] for part in each["loc"]]
        if path and names:
            path[0] = names.get(path[0], path[0])
        what = (
            each["msg"].removeprefix("Value error, ").replace("String should match", "must match")
        )
        parts.append(f"{'.'.join(path)}: {what}" if path else what)
    more = len(found) - len(parts)
    return "; ".join(parts) + (f"; and {more} more" if more > 0 else "")
