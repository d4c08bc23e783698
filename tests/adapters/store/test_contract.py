"""The store keeps its contract, on the embedded server and on `MONGODB_URI` when it is set."""

from __future__ import annotations

import pytest

from adapters.store.connect import Store
from tests.contracts import store as contracts
from tests.contracts.store_downloads import DownloadStoreContract


class TestTicks(contracts.TickStoreContract):
    @pytest.mark.long
    @pytest.mark.promise("fencing")
    @pytest.mark.parametrize("seed", range(40))
    def test_fencing_holds_in_many_schedules(self, store: Store, seed: int) -> None:
        contracts.check_fencing(store, seed=seed, steps=400)


class TestJobs(contracts.JobStoreContract):
    pass


class TestDownloads(DownloadStoreContract):
    pass


class TestArtifacts(contracts.ArtifactStoreContract):
    pass


class TestKeys(contracts.KeyStoreContract):
    pass


class TestMemories(contracts.MemoryStoreContract):
    pass
