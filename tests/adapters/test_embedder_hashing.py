"""The hashing embedder: its contract, and the same vectors in every process."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.embedder.hashing import HashingEmbedder
from tests.contracts.embedder import TEXTS, EmbedderContract

ROOT = Path(__file__).parents[2]
_DIGEST = (
    "import hashlib; from adapters.embedder.hashing import HashingEmbedder; "
    f"print(hashlib.sha256(HashingEmbedder().embed({TEXTS!r}).tobytes()).hexdigest())"
)


class TestHashing(EmbedderContract):
    @pytest.fixture
    def embedder(self) -> HashingEmbedder:
        return HashingEmbedder()


@pytest.mark.promise("determinism")
def test_vectors_do_not_depend_on_the_hash_seed() -> None:
    here = hashlib.sha256(HashingEmbedder().embed(TEXTS).tobytes()).hexdigest()
    for seed in ("0", "12345"):
        answer = subprocess.run(
            [sys.executable, "-c", _DIGEST],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        assert answer.stdout.strip() == here
