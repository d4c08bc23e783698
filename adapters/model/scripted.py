"""A model that says what it is told to: the shipped double for tests and rehearsals."""

from __future__ import annotations

from collections.abc import Iterable

from interfaces.model import ModelRequest, Turn
from schemas.errors import AlphaShieldError, Unavailable


class ScriptedModel:
    """Implement `ChatModel` by a fixed list of turns; an error in the list is raised.

    Keeps the requests it saw in `seen`. Past the end of the script it is unavailable.
    """

    def __init__(
        self, script: Iterable[Turn | AlphaShieldError], *, name: str = "scripted:test"
    ) -> None:
        self.name = name
        self.seen: list[ModelRequest] = []
        self._script = iter(script)

    async def complete(self, request: ModelRequest) -> Turn:
        """Return the next turn of the script."""
        self.seen.append(request)
        turn = next(self._script, None)
        if turn is None:
            raise Unavailable("the script has ended")
        if isinstance(turn, AlphaShieldError):
            raise turn
        return turn
