"""Models and data sets over HTTP: what a request may name. For people, never for a model."""

from __future__ import annotations

from flask import Response

from api.parts import answer, parts
from schemas.api import DataCoverage, DataQuery, ModelList, SymbolCoverage, SymbolList


def list_models() -> Response:
    """List the contestants a request may name."""
    return answer(ModelList(models=tuple(sorted(parts().admission.models))))


def list_symbols(query: DataQuery) -> Response:
    """List the tradable symbols of a data set."""
    info = parts().admission.catalog.open(query.data).info()
    return answer(SymbolList(data=info.name, symbols=info.symbols))


def show_coverage(query: DataQuery) -> Response:
    """Show how far each symbol's bars reach, and the honest limits of the data."""
    catalog = parts().admission.catalog
    info = catalog.open(query.data).info()
    rows = tuple(
        SymbolCoverage(symbol=symbol, first_session=first, last_session=last, bars=bars)
        for symbol, first, last, bars in catalog.coverage(query.data)
    )
    return answer(
        DataCoverage(
            data=info.name,
            description=info.description,
            currency=info.currency,
            close_only=info.close_only,
            caveats=info.caveats,
            symbols=rows,
        )
    )
