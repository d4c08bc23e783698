"""What every `Embedder` must do; an adapter's test subclasses the suite and gives one."""

from __future__ import annotations

import numpy as np
import pytest

from interfaces.embedder import Embedder

TEXTS = ("Apple raised its dividend", "", "Zinsen steigen: Ärger für Schuldner", "苹果 股息 🍎")


class EmbedderContract:
    """Subclasses give the fixture `embedder`."""

    @pytest.fixture
    def embedder(self) -> Embedder:
        raise NotImplementedError

    def test_vectors_have_unit_length_or_are_zero_without_words(self, embedder: Embedder) -> None:
        vectors = embedder.embed(TEXTS)
        assert vectors.shape == (4, embedder.dimension)
        assert vectors.dtype == np.float32
        lengths = np.linalg.norm(vectors, axis=1)
        assert np.allclose(lengths[[0, 2, 3]], 1, atol=1e-6)
        assert lengths[1] in (0, pytest.approx(1))

    def test_the_same_text_is_the_same_vector_whatever_stands_beside_it(
        self, embedder: Embedder
    ) -> None:
        together = embedder.embed(TEXTS)
        alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
        assert np.array_equal(together, alone)

    def test_a_related_text_is_nearer_than_an_unrelated_one(self, embedder: Embedder) -> None:
        query, near, far = embedder.embed(
            ["dividend cut", "the company cuts its dividends", "frost in the vineyards of Rioja"]
        )
        assert float(query @ near) > float(query @ far) + 0.05

    def test_no_texts_are_no_vectors(self, embedder: Embedder) -> None:
        assert embedder.embed([]).shape == (0, embedder.dimension)
