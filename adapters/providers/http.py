"""Ask a vendor over HTTP for JSON, and believe nothing before it is checked.

The key goes into the query in the transport, under everything that writes an address down: neither
httpx's log lines nor its errors ever hold it. Errors are raised outside the handlers of what caused
them, because the chain behind an error would hold the answer or the request.
"""

from __future__ import annotations

import json
import re
import ssl
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, NoReturn
from urllib.parse import quote, quote_plus
from urllib.request import getproxies, proxy_bypass

import httpx

from adapters.providers.pace import RETRYABLE, Pace, TryAgain, retry_after
from schemas.errors import (
    AlphaShieldError,
    BadConfiguration,
    InvalidRequest,
    NotFound,
    Unavailable,
    UntrustworthyData,
)

LARGEST = 64 << 20
"""Bytes of an answer, unpacked: a page of 100 000 values of FRED is 10 MB."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_SAID = 200


@dataclass(frozen=True, slots=True)
class Access:
    """Where a vendor is, and how it knows us: a key in the query parameter `parameter`.

    `setting` is the variable that holds the key, for errors. `patience` is how many seconds may
    pass without a byte.
    """

    vendor: str
    base_url: str
    setting: str
    parameter: str
    key: str | None = field(repr=False)
    patience: float = 20.0


@dataclass(frozen=True, slots=True)
class Complaint:
    """What a vendor says instead of data, and the reaction it calls for.

    `said` is a clause that follows the vendor's name; it may quote the vendor in full, the client
    takes the key out and cuts it. With `again` the same question may be answered later, with
    `after` not for so many seconds.
    """

    reaction: type[AlphaShieldError]
    said: str
    again: bool = False
    after: float | None = None


Complain = Callable[[int, Mapping[str, Any]], Complaint | None]
"""Given the status and the JSON object of an answer, 200 or 4xx, tell whether it is a complaint."""


def no_complaint(_status: int, _document: Mapping[str, Any]) -> Complaint | None:
    """Leave every answer to what its status says."""
    return None


class JsonClient:
    """Asks one vendor, at its pace. Numbers that are no strings come as int or Decimal."""

    def __init__(
        self,
        access: Access,
        pace: Pace,
        *,
        complain: Complain = no_complaint,
        largest: int = LARGEST,
    ) -> None:
        self.pace = pace
        self._access = access
        self._complain = complain
        self._largest = largest

    def get(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """Return the JSON object at a path.

        `BadConfiguration` without a key or when it is refused; `NotFound`, `InvalidRequest`,
        `Unavailable` and `UntrustworthyData` as `interfaces.providers` says.
        """
        access = self._access
        if not access.key:
            raise BadConfiguration(f"{access.setting} is not set, so {access.vendor} is not asked")
        url = httpx.URL(f"{access.base_url.rstrip('/')}/{path.lstrip('/')}")
        if url.scheme != "https" and (url.scheme != "http" or url.host not in _LOOPBACK):
            raise BadConfiguration(f"the address of {access.vendor} must begin with https://")
        return self.pace.call(lambda left: self._ask(url, params, left))

    def now(self) -> datetime:
        """Return the wall time, in UTC."""
        return self.pace.timing.clock.now()

    def distrust(self, said: str) -> UntrustworthyData:
        """Return the error for an answer that is not what was promised."""
        return UntrustworthyData(f"{self._access.vendor} {self._clean(said)}")

    def _ask(self, url: httpx.URL, params: Mapping[str, str], left: float) -> dict[str, Any]:
        ends = self.pace.timing.clock.monotonic() + left
        patience = httpx.Timeout(max(min(self._access.patience, left), 0.01))
        try:
            with (
                httpx.Client(transport=self._transport(url), timeout=patience) as client,
                client.stream("GET", url, params=dict(params), headers=_HEADERS) as response,
            ):
                if response.status_code in RETRYABLE:
                    after = retry_after(response.headers.get("retry-after"), self.now())
                    raise TryAgain(f"answers {response.status_code}", after=after)
                return self._judge(response, self._read(response, ends))
        except httpx.TimeoutException:
            failure = "did not answer in time"
        except httpx.ConnectError:
            failure = "cannot be reached"
        except httpx.HTTPError:
            failure = "broke off in the middle of its answer"
        raise TryAgain(failure)

    def _transport(self, url: httpx.URL) -> httpx.BaseTransport:
        if url.scheme == "http":  # loopback only: no certificates need to be loaded
            inner = httpx.HTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        else:
            inner = httpx.HTTPTransport(verify=self._certificates, proxy=_proxy(url))
        return _Keyed(inner, self._access.parameter, self._access.key or "")

    @cached_property
    def _certificates(self) -> ssl.SSLContext:
        return httpx.create_ssl_context()

    def _read(self, response: httpx.Response, ends: float) -> bytes:
        """Read the body, unpacked, never more of it than allowed."""
        packing = response.headers.get("content-encoding", "identity").strip().lower()
        if packing not in {"identity", "gzip", ""}:
            raise self.distrust("packs its answer in a way that was not asked for")
        unpack = zlib.decompressobj(wbits=31) if packing == "gzip" else None
        body = bytearray()
        damaged = False
        for chunk in response.iter_raw():
            if self.pace.timing.clock.monotonic() >= ends:
                raise TryAgain("did not finish its answer in time")
            try:
                room = self._largest - len(body) + 1
                body += unpack.decompress(chunk, room) if unpack else chunk
            except zlib.error:
                damaged = True
            if damaged:
                raise self.distrust("sends an answer that cannot be unpacked")
            if len(body) > self._largest:
                raise self.distrust(f"sends more than {self._largest} bytes")
        if unpack and not unpack.eof:
            raise _cut()
        return bytes(body)

    def _judge(self, response: httpx.Response, body: bytes) -> dict[str, Any]:
        status = response.status_code
        if status == 200:
            document = self._document(body, response.headers.get("content-type", ""))
        else:
            document = _perhaps(body)
        complaint = self._complain(status, document)
        if complaint is None and status != 200:
            complaint = self._by_status(status)
        if complaint is not None:
            self._raise(complaint)
        return document

    def _by_status(self, status: int) -> Complaint:
        if status in {401, 403}:
            return Complaint(BadConfiguration, f"refuses the key in {self._access.setting}")
        if status == 404:
            return Complaint(NotFound, "does not have it (404)")
        if 300 <= status < 400:
            return Complaint(UntrustworthyData, f"sends us somewhere else ({status})")
        if 400 <= status < 500:
            return Complaint(InvalidRequest, f"refuses the request ({status})")
        return Complaint(Unavailable, f"answers {status}")

    def _raise(self, complaint: Complaint) -> NoReturn:
        said = self._clean(complaint.said)
        if complaint.again:
            raise TryAgain(said, after=complaint.after, at_last=complaint.reaction)
        raise complaint.reaction(f"{self._access.vendor} {said}")

    def _clean(self, said: str) -> str:
        """Take the key out in every form, then what is not printable, and keep it short."""
        key = self._access.key
        if key:
            forms = {key, quote(key, safe=""), quote_plus(key)}
            said = re.sub("|".join(map(re.escape, forms)), "***", said, flags=re.IGNORECASE)
        said = " ".join("".join(c if c.isprintable() else " " for c in said).split())
        return said if len(said) <= _SAID else f"{said[: _SAID - 1]}…"

    def _document(self, body: bytes, kind: str) -> dict[str, Any]:
        problem = ""
        try:
            text = body.decode("utf-8-sig")
        except UnicodeDecodeError:
            text, problem = "", "sends an answer that is no UTF-8"
        if not problem and text.lstrip()[:1] == "<":
            problem = "sends HTML where JSON was promised"
        elif not problem and kind and "json" not in kind.lower():
            problem = f"sends {kind.partition(';')[0]} where JSON was promised"
        if problem:
            raise self.distrust(problem)
        return self._object(text)

    def _object(self, text: str) -> dict[str, Any]:
        cut = False
        document: Any = None
        try:
            document = json.loads(text, parse_constant=_refuse, parse_float=Decimal)
        except json.JSONDecodeError as error:
            cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        except (ValueError, RecursionError):  # NaN, a number of 5 000 digits, 10 000 brackets
            pass
        if cut:
            raise _cut()
        if not isinstance(document, dict):
            raise self.distrust("sends no proper JSON object")
        return document


_HEADERS = {"accept": "application/json", "accept-encoding": "gzip", "user-agent": "alphashield"}


class _Keyed(httpx.BaseTransport):
    """Add the key to the query where nothing looks at the address any more."""

    def __init__(self, inner: httpx.BaseTransport, parameter: str, key: str) -> None:
        self._inner = inner
        self._parameter = parameter
        self._key = key

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._inner.handle_request(
            httpx.Request(
                request.method,
                request.url.copy_merge_params({self._parameter: self._key}),
                headers=request.headers,
                stream=request.stream,
                extensions=request.extensions,
            )
        )

    def close(self) -> None:
        self._inner.close()


def _proxy(url: httpx.URL) -> str | None:
    """Return the machine's proxy; httpx looks for it only where the transport is its own."""
    return None if proxy_bypass(url.host) else getproxies().get(url.scheme)


def _cut() -> TryAgain:
    return TryAgain("sends an answer that ends too early", at_last=UntrustworthyData)


def _perhaps(body: bytes) -> dict[str, Any]:
    """Read what comes with a refusal; nothing where it is no JSON object."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _refuse(_constant: str) -> NoReturn:
    raise ValueError
