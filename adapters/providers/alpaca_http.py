"""Ask Alpaca over HTTP: two keys in headers, refusals in its own words, one page after the other.

The headers are added in the transport, under everything that writes a request down.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, quote_plus
from urllib.request import getproxies, proxy_bypass

import httpx

from adapters.providers.http import Access, Complaint, JsonClient
from adapters.providers.pace import Pace
from schemas.errors import BadConfiguration, InvalidRequest, NotFound

SETTINGS = ("ALPACA_API_KEY", "ALPACA_SECRET_KEY")
_MOST_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class Keys:
    """What Alpaca knows us by."""

    key_id: str | None = field(repr=False)
    secret: str | None = field(repr=False)

    def pair(self) -> tuple[str, str]:
        """Return both; `BadConfiguration` names the setting that lacks."""
        for setting, value in zip(SETTINGS, (self.key_id, self.secret), strict=True):
            if not value:
                raise BadConfiguration(f"{setting} is not set, so alpaca is not asked")
        return self.key_id or "", self.secret or ""

    def clean(self, said: str) -> str:
        """Take both out of a text, in every form they may have."""
        for key in filter(None, (self.secret, self.key_id)):
            forms = {key, quote(key, safe=""), quote_plus(key)}
            said = re.sub("|".join(map(re.escape, forms)), "***", said, flags=re.IGNORECASE)
        return said


class SignedClient(JsonClient):
    """Asks for JSON with both keys in headers. `access.parameter` is not used."""

    def __init__(self, access: Access, pace: Pace, keys: Keys) -> None:
        super().__init__(access, pace, complain=_complain)
        self._keys = keys

    def get(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """Return the JSON object at a path, as `JsonClient` does."""
        self._keys.pair()
        return super().get(path, params)

    def _transport(self, url: httpx.URL) -> httpx.BaseTransport:
        if url.scheme == "http":  # loopback only: no certificates need to be loaded
            inner = httpx.HTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        else:
            proxy = None if proxy_bypass(url.host) else getproxies().get(url.scheme)
            inner = httpx.HTTPTransport(verify=self._certificates, proxy=proxy)
        return _Signed(inner, self._keys)

    def _clean(self, said: str) -> str:
        return super()._clean(self._keys.clean(said))


class _Signed(httpx.BaseTransport):
    """Add the keys where nothing looks at the headers any more."""

    def __init__(self, inner: httpx.BaseTransport, keys: Keys) -> None:
        self._inner = inner
        self._keys = keys

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        key_id, secret = self._keys.pair()
        signed = httpx.Headers(request.headers)
        signed["APCA-API-KEY-ID"], signed["APCA-API-SECRET-KEY"] = key_id, secret
        return self._inner.handle_request(
            httpx.Request(
                request.method,
                request.url,
                headers=signed,
                stream=request.stream,
                extensions=request.extensions,
            )
        )

    def close(self) -> None:
        self._inner.close()


class Pages:
    """The pages of one question: the part `part` of every answer, each page asked for once.

    Numbers are int or Decimal. `UntrustworthyData` where the vendor goes round in circles, does
    not know its own next page, or answers something else than a table of lists.
    """

    def __init__(self, client: SignedClient, part: str, *, single: bool = False) -> None:
        self._client = client
        self._part = part
        self._single = single
        self._tokens: set[str] = set()

    def __call__(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """Return one page with its part and its `next_page_token`, and nothing else of it."""
        token = params.get("page_token")
        document = self._ask(path, params, token)
        part = document.get(self._part)
        if self._part == "news":
            sound = _is_table(part)
        else:
            each = _is_row if self._single else _is_table
            sound = isinstance(part, dict) and all(each(rows) for rows in part.values())
        if not sound:
            raise self._client.distrust(f"sends no {self._part.replace('_', ' ')}")
        if self._single:
            return {self._part: part}
        following = document.get("next_page_token", "")
        if following is not None and not (isinstance(following, str) and following):
            raise self._client.distrust("sends a page that does not say what follows it")
        if following is not None and (following in self._tokens or following == token):
            raise self._client.distrust("sends the same page twice")
        if len(self._tokens) >= _MOST_PAGES:
            raise self._client.distrust(f"sends more than {_MOST_PAGES} pages")
        if following is not None:
            self._tokens.add(following)
        return {self._part: part, "next_page_token": following}

    def _ask(self, path: str, params: Mapping[str, str], token: str | None) -> dict[str, Any]:
        try:
            return self._client.get(path, params)
        except InvalidRequest:
            if token is None:
                raise
        raise self._client.distrust("refuses the page that it said would follow")


def _is_row(value: object) -> bool:
    return isinstance(value, dict)


def _is_table(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_row, value))


def _complain(status: int, document: Mapping[str, Any]) -> Complaint | None:
    text = document.get("message")
    said = f"says: {text}" if isinstance(text, str) and text else f"answers {status}"
    if status in {401, 403}:
        if "subscription" in said.lower():
            return Complaint(BadConfiguration, f"wants another plan for this feed; it {said}")
        return Complaint(
            BadConfiguration, f"refuses the keys in {' and '.join(SETTINGS)}; it {said}"
        )
    if status in {400, 422} and "symbol" in said.lower():
        return Complaint(NotFound, said)
    return None
