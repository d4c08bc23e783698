"""What an agent wants traded, and the id that makes it one order however often it is sent."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal

from schemas.orders import MARKET_DAY, Side, Terms


@dataclass(frozen=True, slots=True)
class OrderIntent:
    """A wish to trade, before the gate has seen it; the quantity may be anything at all."""

    symbol: str
    side: Side
    quantity: Decimal
    terms: Terms = MARKET_DAY


def client_order_id(
    scope: str, tick: int, agent: str, *, intent: OrderIntent, sequence: int
) -> str:
    """Derive an order's id: 32 hex digits that depend on nothing random.

    `scope` is the run key or the account; `sequence` tells the agent's orders of a tick apart. What
    an order asks for beside symbol and side is part of it where it is no plain market order.
    """
    parts: list[object] = [scope, tick, agent, intent.symbol, intent.side, sequence]
    if intent.terms != MARKET_DAY:
        parts.append(intent.terms.model_dump(mode="json", exclude_defaults=True))
    return _digest(parts)


def keyed_order_id(scope: str, tick: int, agent: str, *, key: str) -> str:
    """Derive the id of an order with a client's own key: within a session one key is one order."""
    return _digest([scope, tick, agent, "key", key])


def _digest(parts: list[object]) -> str:
    content = json.dumps(parts, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:32]
