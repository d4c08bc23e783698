"""Find the terms of a loan contract in plain text or Markdown.

A clause is a sentence of a paragraph, with the line it begins on. The text is data: it is only ever
searched. Amounts need a currency sign, rates a per cent sign; a term's first statement counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from schemas.household import ContractTerm

_MONEY = r"(?:US\$|\$|USD)\s*(\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d{1,9}(?:\.\d{1,2})?)(?![\d%])"
_PERCENT = r"(\d{1,3}(?:\.\d{1,4})?)\s*(?:%|per ?cent)"
_GAP = r"[^\d$%]{0,60}?"
_PAYMENT = r"(?:payments?|instal{1,2}ments?)"

_TERMS = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "principal": rf"\b(?:principal|loan amount)\b{_GAP}{_MONEY}",
        "apr": rf"\b(?:annual percentage rate|apr)\b{_GAP}{_PERCENT}",
        "rate_annual": rf"\b(?:interest rate|rate of interest|interest)\b{_GAP}{_PERCENT}",
        "term_months": (
            rf"\bterm\b{_GAP}(\d{{1,3}}) months|"
            rf"\b(\d{{1,3}}) (?:equal |consecutive |monthly )*{_PAYMENT}"
        ),
        "instalment": rf"\b(?:monthly|equal|each|every) {_PAYMENT}\b{_GAP}{_MONEY}",
        "origination_fee": rf"\borigination fee\b{_GAP}{_MONEY}",
        "origination_fee_share": rf"\borigination fee\b{_GAP}{_PERCENT}",
        "late_fee": rf"\blate (?:payment )?(?:fee|charge)\b{_GAP}{_MONEY}",
        "late_fee_share": rf"\blate (?:payment )?(?:fee|charge)\b[^%]{{0,60}}?\b{_PERCENT}",
    }.items()
}
_RATES = frozenset({"apr", "rate_annual", "origination_fee_share", "late_fee_share"})
_STARTS_PARAGRAPH = re.compile(r"\s*(?:[#>|*-]|\d+[.)]\s)")
_SENTENCE_END = re.compile(r"(?<=[.;!?])\s+(?=[A-Z\"(])")
_LONGEST_CLAUSE = 2000


@dataclass(frozen=True, slots=True)
class Clause:
    """A sentence of a contract and the line, from 1, on which it begins."""

    line: int
    text: str


def read_clauses(text: str) -> tuple[Clause, ...]:
    """Cut a text into clauses; a blank line, heading, bullet or number begins a new paragraph."""
    return tuple(clause for lines in _paragraphs(text) for clause in _sentences(lines))


def _paragraphs(text: str) -> Iterator[list[tuple[int, str]]]:
    lines: list[tuple[int, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if lines and (not line.strip() or _STARTS_PARAGRAPH.match(line)):
            yield lines
            lines = []
        if line.strip():
            lines.append((number, line.strip()))
    if lines:
        yield lines


def _sentences(lines: list[tuple[int, str]]) -> Iterator[Clause]:
    starts: list[tuple[int, int]] = []
    length = 0
    for number, line in lines:
        starts.append((length, number))
        length += len(line) + 1
    joined = " ".join(line for _, line in lines)
    begin = 0
    for end in [*(match.end() for match in _SENTENCE_END.finditer(joined)), len(joined)]:
        line = max(number for start, number in starts if start <= begin)
        yield Clause(line, joined[begin:end].strip()[:_LONGEST_CLAUSE])
        begin = end


def parse_terms(clauses: Iterable[Clause]) -> tuple[ContractTerm, ...]:
    """Find the known terms in the order they stand; percentages become decimals (0.08)."""
    found: dict[str, ContractTerm] = {}
    for clause in clauses:
        for name, pattern in _TERMS.items():
            match = None if name in found else pattern.search(clause.text)
            if match:
                digits = next(group for group in match.groups() if group).replace(",", "")
                found[name] = ContractTerm(
                    name=name,
                    value=_plain(Decimal(digits) / (100 if name in _RATES else 1)),
                    line=clause.line,
                    clause=clause.text,
                )
    return tuple(found.values())


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f")
