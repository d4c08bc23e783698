"""Text as a vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Embedder(Protocol):
    """Turns texts into vectors of unit length; near texts have a large inner product.

    Deterministic: the same text gives the same vector in every process. An embedder outside this
    machine raises `Unavailable`; it never sees personal documents.
    """

    name: str
    """Model and version: vectors of different names are never compared."""

    dimension: int

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors, shape (len(texts), dimension); a text without words is all zero."""
        ...
