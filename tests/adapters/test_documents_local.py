"""Documents of a folder: dated ones are found as they were known, others never."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.documents.local import LocalDocuments
from interfaces.documents import NO_DOCUMENTS
from schemas.documents import DocumentKind

NOON = datetime(2020, 7, 6, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=1)


def write(folder: Path, name: str, text: str, **front: str) -> None:
    head = "\n".join(f"{key}: {value}" for key, value in front.items())
    (folder / name).write_text(f"---\n{head}\n---\n{text}\n")


def names(
    documents: LocalDocuments,
    query: str = "",
    *,
    as_of: datetime = LATER,
    kind: DocumentKind | None = None,
    symbol: str | None = None,
) -> list[str]:
    found = documents.search(query, as_of=as_of, kind=kind, symbol=symbol)
    return [document.document_id for document in found]


def test_the_document_with_the_rarer_words_comes_first(tmp_path: Path) -> None:
    for number in range(5):
        write(tmp_path, f"{number}.md", "Apple sells phones", date="2020-07-06T12:00:00Z")
    write(tmp_path, "z.md", "Apple raises its dividend", date="2020-07-06T12:00:00Z")
    documents = LocalDocuments(tmp_path)
    assert names(documents, "apple dividend")[0] == "z.md"
    assert names(documents, "dividend") == ["z.md"]
    assert names(documents, "frost") == []


@pytest.mark.parametrize(
    "date",
    [
        *("", "2020-07-06", "3 days ago", "2020-07-06T09:00:00", "soon", "20200706", "yesterday"),
        *("2020-07-06T09:00Z", "2020-07-06T09Z", "0001-01-01T00:00:00+14:00", "12:30:00Z"),
    ],
)
def test_undated_and_vaguely_dated_texts_are_never_shown(tmp_path: Path, date: str) -> None:
    write(tmp_path, "a.md", "apple", date=date)
    (tmp_path / "b.txt").write_text("apple, without any front matter")
    (tmp_path / "c.json").write_text(json.dumps({"date": date, "text": "apple"}))
    assert names(LocalDocuments(tmp_path), "apple", as_of=datetime(2040, 1, 1, tzinfo=UTC)) == []


def test_a_document_is_known_strictly_after_its_publication(tmp_path: Path) -> None:
    write(tmp_path, "a.md", "apple", date="2020-07-06T08:00:00-04:00")
    documents = LocalDocuments(tmp_path)
    assert names(documents, as_of=NOON) == []
    assert names(documents, as_of=NOON + timedelta(microseconds=1)) == ["a.md"]


def test_kind_and_symbol_narrow_the_search(tmp_path: Path) -> None:
    date = "2020-07-06T09:00:00Z"
    write(tmp_path, "a.md", "x", date=date, symbols="AAPL, KO", source="Wire", title="T")
    write(tmp_path, "b.md", "x", date=date, kind="report", symbols="[AAPL, $odd]")
    entries = [{"date": date, "text": "x", "symbols": ["KO"]}, {"text": "undated"}]
    (tmp_path / "c.json").write_text(json.dumps(entries))
    documents = LocalDocuments(tmp_path)
    assert names(documents, kind="news") == ["a.md", "c.json#1"]
    assert names(documents, kind="document") == ["b.md"]
    assert names(documents, symbol="KO") == ["a.md", "c.json#1"]
    (found,) = documents.search("", as_of=LATER, symbol="AAPL", kind="news")
    assert (found.title, found.source, found.symbols) == ("T", "Wire", ("AAPL", "KO"))


def test_no_folder_and_damaged_files_are_nothing_found(tmp_path: Path) -> None:
    assert names(LocalDocuments(tmp_path / "none")) == []
    (tmp_path / "a.json").write_text("{" * 5000)
    (tmp_path / "b.md").write_bytes(b"---\ndate: [\n---\n\xff\xfe")
    (tmp_path / "c.md").write_text("")
    (tmp_path / "d.json").write_text("[1, null, []]")
    assert names(LocalDocuments(tmp_path)) == []


def test_a_new_file_is_found_without_a_restart(tmp_path: Path) -> None:
    documents = LocalDocuments(tmp_path)
    assert names(documents) == []
    write(tmp_path, "a.md", "apple", date="2020-07-06T09:00:00Z")
    assert names(documents) == ["a.md"]


def test_the_digest_is_of_what_could_be_shown_before_a_moment(tmp_path: Path) -> None:
    documents = LocalDocuments(tmp_path)
    assert documents.digest(LATER) == NO_DOCUMENTS
    write(tmp_path, "b.md", "apple", date="2020-07-06T12:00:00Z")
    write(tmp_path, "c.md", "apple", date="2020-07-06")
    assert documents.digest(NOON) == NO_DOCUMENTS
    one = documents.digest(LATER)
    assert one not in (NO_DOCUMENTS, documents.digest(NOON))
    write(tmp_path, "d.md", "apple", date="2020-07-07T12:00:00Z")
    assert documents.digest(LATER) == LocalDocuments(tmp_path).digest(LATER) == one
    write(tmp_path, "a.md", "apple", date="2020-07-05T12:00:00Z")
    assert documents.digest(LATER) != one


def test_the_excerpt_is_the_passage_asked_for(tmp_path: Path) -> None:
    text = "filler " * 500 + "the needle lies here " + "filler " * 500
    write(tmp_path, "a.md", text, date="2020-07-06T09:00:00Z")
    (found,) = LocalDocuments(tmp_path).search("needle", as_of=LATER)
    assert "needle" in found.excerpt
    assert len(found.excerpt) <= 600


@pytest.mark.promise("no-look-ahead")
@settings(max_examples=20, deadline=None)
@given(texts=st.lists(st.text("abcde ", max_size=30), max_size=8))
def test_later_documents_change_neither_rank_nor_score(
    texts: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    calm, busy = tmp_path_factory.mktemp("calm"), tmp_path_factory.mktemp("busy")
    for folder in (calm, busy):
        for name, text in (("x.md", "a b c"), ("y.md", "a a d"), ("z.md", "b e")):
            write(folder, name, text, date="2020-07-05T12:00:00Z")
    for number, text in enumerate(texts):
        write(busy, f"{number}.md", f"CANARY {text}", date="2020-07-06T12:00:00Z")
    for query in ("a", "a b", "canary", ""):
        one, two = (LocalDocuments(folder).search(query, as_of=NOON) for folder in (calm, busy))
        assert one == two
