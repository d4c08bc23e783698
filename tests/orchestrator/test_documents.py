"""The user's own documents are part of what a run is: of its tools, its identity, its manifest."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from adapters.documents.local import LocalDocuments
from adapters.wiring import System, calendar, open_tools, run_ports
from interfaces.documents import NO_DOCUMENTS
from interfaces.model import ToolCall
from orchestrator import worker
from orchestrator.installation import admission_of
from orchestrator.jobs import documents_hash
from schemas.facts import StoredDocument
from tests.adapters.market_worlds import LONG_AGO, NYSE, SOURCE, World, at_open, listing
from tests.orchestrator.markets import OneMarket
from tests.orchestrator.runs import finish, lasting, queue, run, trading

pytestmark = pytest.mark.usefixtures("looked_once")

ONE = trading("baseline:equal-weight", end_date=date(2020, 1, 30))
LAST_CLOSE = datetime(2020, 1, 30, 21, tzinfo=UTC)
BEFORE = datetime(2020, 1, 3, 12, tzinfo=UTC)


@pytest.fixture
def own(system: System, tmp_path: Path) -> System:
    """A system whose documents folder is the test's own."""
    return replace(system, documents=LocalDocuments(tmp_path))


def write(
    folder: Path, name: str, *dates: datetime | str, text: str = "merger", **more: Any
) -> None:
    entries = [
        {"date": d if isinstance(d, str) else d.isoformat(), "text": text, "title": name, **more}
        for d in dates
    ]
    (folder / f"{name}.json").write_text(json.dumps(entries))


def keys(system: System) -> list[str]:
    return [each.run_key for each in queue(system, ONE).runs]


def test_only_documents_from_before_the_last_close_change_what_a_run_is(
    own: System, tmp_path: Path
) -> None:
    without = keys(own)
    write(tmp_path, "later", LAST_CLOSE, LAST_CLOSE + timedelta(days=9), "2020-01-02", "soon")
    assert keys(own) == without
    assert documents_hash(ONE, admission_of(own, calendar)) == NO_DOCUMENTS
    write(tmp_path, "early", LAST_CLOSE - timedelta(microseconds=1))
    some = keys(own)
    assert some != without
    write(tmp_path, "early", LAST_CLOSE - timedelta(microseconds=1), text="no merger")
    assert keys(own) not in (without, some)


def test_a_document_that_comes_between_admission_and_run_makes_the_run_refuse(
    own: System, tmp_path: Path
) -> None:
    job = queue(own, ONE)
    write(tmp_path, "old", BEFORE)
    done = finish(own, job.job_id)
    assert done.state == "failed"
    assert "your documents from before the end of the run" in (done.error or "")
    assert not list(own.store.ticks.ticks(job.runs[0].run_id))


def test_a_later_document_disturbs_no_run_and_the_manifest_names_the_earlier_ones(
    own: System, tmp_path: Path
) -> None:
    write(tmp_path, "old", BEFORE)
    first, job = run(own, ONE), queue(own, ONE)
    write(tmp_path, "later", LAST_CLOSE + timedelta(days=1))
    second = finish(own, job.job_id)
    assert (first.state, second.state) == ("completed", "completed"), second.error
    one, other = (own.store.artifacts.get(each.job_id, "manifest.json") for each in (first, second))
    assert lasting(one) == lasting(other)
    assert json.loads(one)["documents_hash"] == documents_hash(ONE, admission_of(own, calendar))


def test_a_run_without_documents_says_so(own: System) -> None:
    done = run(own, ONE)
    manifest = json.loads(own.store.artifacts.get(done.job_id, "manifest.json"))
    assert manifest["documents_hash"] is None


DAYS = NYSE.sessions(date(2020, 1, 2), date(2020, 2, 28))


def news(name: str, published: datetime, *symbols: str, known: datetime | None = None) -> Any:
    return StoredDocument(
        document_id=name, title=name, text="merger", published_at=published, symbols=symbols,
        known_time=known or published, **SOURCE,
    )  # fmt: skip


def asked(system: System, on: date, **arguments: Any) -> list[str]:
    request = trading("baseline:equal-weight", data="made", universe=("BBB",), start_date=DAYS[20])
    ports = run_ports(system, request, run_key="k")
    ports.clock.move_to(at_open(on))

    async def ask() -> Any:
        async with open_tools(worker._servers(system, request, ports, run_key="k")) as tools:
            call = ToolCall(call_id="1", tool="search_news", arguments=arguments)
            return (await tools.call(call)).structured

    answer: Any = asyncio.run(ask())
    return [found["document_id"] for found in answer["results"]]


@pytest.mark.promise("no-look-ahead")
def test_a_runs_search_finds_the_folder_and_the_data_set_alike(own: System, tmp_path: Path) -> None:
    write(tmp_path, "old", BEFORE, symbols=["AAA"])
    write(tmp_path, "now", at_open(DAYS[25]), symbols=["AAA"])
    texts = [
        news("told", BEFORE - timedelta(days=1), "AAA"),
        news("late", BEFORE, "AAA", known=at_open(DAYS[25])),
        news("newcomer", at_open(DAYS[24]), "AAA"),
    ]
    closes = {"AAA": [10.0] * len(DAYS), "BBB": [20.0] * len(DAYS)}
    taken = [listing("BBB", "AAA", DAYS[22], known=LONG_AGO)]
    world = World(DAYS, closes, {"documents": texts, "listings": taken})
    made = replace(own, catalog=OneMarket(world.table()))
    assert asked(made, DAYS[21], query="merger", symbol="aaa") == ["old.json#1", "told"]
    assert asked(made, DAYS[25], query="merger") == ["newcomer", "old.json#1", "told"]
    assert asked(made, DAYS[25], symbol="AAA") == ["newcomer"]
    assert asked(made, DAYS[25], symbol="AAA.1") == ["old.json#1", "told"]
    assert asked(made, DAYS[26], symbol="AAA.1") == ["late", "old.json#1", "told"]
