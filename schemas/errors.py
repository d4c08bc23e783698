"""Errors, named by the reaction they call for.

AlphaShieldError
├── InvalidRequest        the caller's fault: fix the request; 4xx, never retried
│   ├── NotAllowed        authenticated, but not for this
│   ├── NotFound          no such thing
│   └── Conflict          true a moment ago, not now: read again
├── LookAhead             asked for data later than the simulated moment: stop and record
├── BadModelOutput        a model's answer is no valid output: re-ask once, then abstain
├── UntrustworthyData     rows that cannot be true: quarantine them
├── LimitBreached         a risk limit or rule says no: deny and record
├── BudgetExhausted       tokens, money, calls or time are spent: end the job so
├── Unavailable           something outside does not answer: back off, then pause the job
├── Unresolved            it may have happened outside: ask what became of it, never repeat it
└── BadConfiguration      refuse to start, and say which setting
"""

from __future__ import annotations


class AlphaShieldError(Exception):
    """Base of every error raised on purpose; `str(error)` is one clear sentence.

    `code` is stable and machine-readable; it is the problem type over HTTP.
    """

    code = "error"


class InvalidRequest(AlphaShieldError):
    """The caller must change the request; e.g. an end date before the start date."""

    code = "invalid-request"


class NotAllowed(InvalidRequest):
    """The caller may not do this; e.g. a revoked key."""

    code = "not-allowed"


class NotFound(InvalidRequest):
    """The thing named does not exist; e.g. an unknown job id."""

    code = "not-found"


class Conflict(InvalidRequest):
    """The state moved on; e.g. cancelling a job that has ended, or a stale fencing token."""

    code = "conflict"


class LookAhead(AlphaShieldError):
    """Data later than the simulated moment was asked for.

    The message names the simulated date and nothing else: not the horizon of the data.
    """

    code = "look-ahead"


class BadModelOutput(AlphaShieldError):
    """A model's answer does not validate; the agent is re-asked once, then abstains."""

    code = "bad-model-output"


class UntrustworthyData(AlphaShieldError):
    """Data that cannot be true; e.g. a high below the low. Quarantined, never traded."""

    code = "untrustworthy-data"


class LimitBreached(AlphaShieldError):
    """A limit denies the action; e.g. an order above the position limit."""

    code = "limit-breached"


class BudgetExhausted(AlphaShieldError):
    """A budget of the job (tokens, USD, tool calls, seconds, steps) is spent."""

    code = "budget-exhausted"


class Unavailable(AlphaShieldError):
    """Something outside does not answer; retried with backoff, then the job pauses."""

    code = "unavailable"


class Unresolved(AlphaShieldError):
    """No answer came, and the thing may have been done; e.g. an order whose answer was lost.

    The reaction is to ask by its id. `Unavailable` is for what is known not to have happened.
    """

    code = "unresolved"


class BadConfiguration(AlphaShieldError):
    """A setting is missing, unknown or contradictory; refuse to start."""

    code = "bad-configuration"
