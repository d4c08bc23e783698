"""Models and data sets over HTTP: what a request may name. For people, never for a model.

Nothing is fetched here: a download is stored, and a worker runs it.
"""

from __future__ import annotations

from flask import Response

from api.parts import answer, parts
from orchestrator.datasets import (
    Range,
    cancel_download,
    coverage_of,
    delete_range,
    provider_list,
    refresh_request,
    submit_download,
    validate_dataset,
)
from schemas.api import (
    CoverageQuery,
    DataQuery,
    Deletion,
    DownloadName,
    DownloadPage,
    DownloadQuery,
    DownloadView,
    ModelList,
    RangeQuery,
    RefreshRequest,
    SymbolList,
    ValidateRequest,
)
from schemas.downloads import Download, DownloadRequest
from schemas.errors import InvalidRequest, NotFound


def list_models() -> Response:
    """List the contestants a request may name."""
    return answer(ModelList(models=tuple(sorted(parts().admission.models))))


def list_symbols(query: DataQuery) -> Response:
    """List the tradable symbols of a data set."""
    info = parts().data.library.open(query.data).info()
    return answer(SymbolList(data=info.name, symbols=info.symbols))


def show_coverage(query: CoverageQuery) -> Response:
    """Show how far each symbol's bars reach, and the honest limits of the data.

    With `detail=true` also the quality of each instrument, and its sound bars month by month.
    """
    return answer(coverage_of(query.data, parts().data, detail=query.detail))


def show_quota() -> Response:
    """List the providers: which are configured, their limits, what is left of them today."""
    return answer(provider_list(parts().data))


def create_download(body: DownloadRequest) -> Response:
    """Ask for rows from providers, into a data set that is made or extended.

    Answers 202 at once; `Location` is where to watch it. An equal download that has not ended is
    returned instead of a second one; a paused one goes on.
    """
    return _accepted(submit_download(body, parts().data))


def refresh_data(body: RefreshRequest) -> Response:
    """Bring a data set up to yesterday.

    A download of its symbols and series from a few sessions before its last one, so that values
    that were restated are found.
    """
    desk = parts().data
    try:
        wanted = refresh_request(body, desk)
    except NotFound as error:  # the address exists; it is the request that names what does not
        raise InvalidRequest(str(error)) from error
    return _accepted(submit_download(wanted, desk))


def validate_data(body: ValidateRequest) -> Response:
    """Read a data set against its checksums, and check the quality of every instrument."""
    try:
        return answer(validate_dataset(body.data, parts().data))
    except NotFound as error:
        raise InvalidRequest(str(error)) from error


def show_downloads(query: DownloadQuery) -> Response:
    """Show where one download stands, as a page of one, or list them, newest first."""
    downloads = parts().data.downloads
    if query.id is not None:
        one = DownloadView.of(downloads.get(query.id))
        return answer(DownloadPage(downloads=(one,), next_before=None))
    found = downloads.list(state=query.state, limit=query.limit + 1, before=query.before)
    page = found[: query.limit]
    return answer(
        DownloadPage(
            downloads=tuple(DownloadView.of(each) for each in page),
            next_before=page[-1].download_id if len(found) > len(page) else None,
        )
    )


def stop_download(query: DownloadName) -> Response:
    """Stop a download: a waiting one at once, a running one within a second.

    What it fetched is given up.
    """
    return _accepted(cancel_download(query.id, parts().data))


def resume_download(query: DownloadName) -> Response:
    """Queue a paused, failed or partial download again; what failed is asked for again."""
    desk = parts().data
    return _accepted(desk.downloads.resume(query.id, now=desk.wall.now()))


def delete_data(query: RangeQuery) -> Response:
    """Delete bars of a data set, or all of it; refused while a job or a download uses the set."""
    which = Range(
        data=query.data,
        symbols=tuple(query.symbols.split(",")) if query.symbols else None,
        start=query.start,
        end=query.end,
    )
    if which.everything != query.everything:
        raise InvalidRequest(
            "everything=true deletes the whole set and goes with neither symbols nor dates; "
            "without it name some"
        )
    return answer(Deletion(data=query.data, left=delete_range(which, parts().data)))


def _accepted(download: Download) -> Response:
    response = answer(DownloadView.of(download), 202)
    response.headers["Location"] = f"/api/v1/data/download/status?id={download.download_id}"
    return response
