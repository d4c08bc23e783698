"""Checking a run's stored ledger, tick by tick, as it lies in the store."""

from __future__ import annotations

from pydantic import ValidationError

from interfaces.store import TickStore
from schemas.ledger import LedgerFault, Transaction, Verification
from schemas.tick import Tick
from trading.ledger import GENESIS, verify


def audit_run(run_id: str, store: TickStore) -> Verification:
    """Recompute a run's whole hash chain from the stored bytes and name the first fault.

    A tick that is missing, cannot be read, or names another newest hash than its own
    transactions give is a fault too.
    """
    read: list[Transaction] = []
    newest, broken = GENESIS, None
    for expected, (number, text) in enumerate(store.raw_entries(run_id)):
        tick = _tick(text)
        if number != expected:
            broken = f"tick {expected} is missing"
        elif tick is None or tick.n != number:
            broken = f"tick {expected} cannot be read"
        else:
            read.extend(tick.transactions)
            newest = read[-1].entries[-1].hash if read else GENESIS
            if tick.ledger_hash != newest:
                broken = f"tick {expected} names another newest entry than its ledger has"
        if broken:
            break
    found = verify(read)
    if found.fault or broken is None:
        return found
    fault = LedgerFault(transaction=len(read), transaction_id="", entry=None, what=broken)
    return found.model_copy(update={"fault": fault})


def _tick(text: str) -> Tick | None:
    try:
        return Tick.model_validate_json(text)
    except ValidationError:
        return None
