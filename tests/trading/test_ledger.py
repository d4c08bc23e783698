"""The ledger balances, chains, and names the first entry that is not what was written."""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from decimal import Decimal

import pytest

from schemas.errors import InvalidRequest
from schemas.ledger import Entry, Transaction
from tests.trading.books import flipped
from trading.ledger import GENESIS, Heading, Movement, Tip, append, transaction_id, verify
from trading.lots import lot_id

DAY = date(2020, 1, 2)
AAA = "assets:positions:AAA"
LOT = "20200102-0"


def ledger(count: int = 5) -> list[Transaction]:
    tip = Tip()
    made: list[Transaction] = []
    for number in range(count):
        day = DAY + timedelta(days=number)
        movements = (
            Movement(
                AAA,
                Decimal("100.00"),
                "AAA",
                Decimal("1.5"),
                lot_id(day, number),
            ),
            Movement("assets:cash", Decimal("-100.10")),
            Movement("expenses:commission", Decimal("0.10")),
        )
        name = transaction_id("run", number, "test")
        heading = Heading(name, "trade", day, f'buy, "{number}" ü', "USD")
        made.append(append(tip, heading, movements=movements))
        tip = tip.after(made[-1])
    return made


def test_a_sound_ledger_verifies_and_tells_its_size() -> None:
    made = ledger()
    found = verify(made, tip=made[-1].entries[-1].hash)
    assert found.fault is None
    assert (found.transactions, found.entries) == (5, 15)
    assert found.ledger_hash == made[-1].entries[-1].hash
    assert verify([]).ledger_hash == GENESIS


def digest(previous: str, said: Transaction, position: int) -> str:
    """Hash an entry as the module's description says, by the general JSON encoder."""
    entry = said.entries[position]
    content = [
        previous,
        said.transaction_id,
        said.sequence,
        said.kind,
        said.session.isoformat(),
        said.description,
        position,
        len(said.entries),
        entry.account,
        f"{entry.amount:.2f}",
        entry.currency,
        entry.symbol,
        None if entry.quantity is None else f"{entry.quantity:.6f}",
        entry.lot,
    ]
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_hash_can_be_recomputed_from_its_description_alone() -> None:
    previous = hashlib.sha256(b"alphashield ledger, version 2").hexdigest()
    for made in ledger():
        for position, entry in enumerate(made.entries):
            assert entry.previous == previous
            assert entry.hash == digest(previous, made, position)
            previous = entry.hash


def test_a_ledger_that_went_through_storage_still_verifies() -> None:
    stored = [Transaction.model_validate_json(each.model_dump_json()) for each in ledger()]
    assert verify(stored).fault is None


def test_negative_zero_is_written_as_zero() -> None:
    movements = (Movement("a", Decimal("-0.00")), Movement("b", Decimal("0.00")))
    made = append(Tip(), Heading("t", "split", DAY, "none", "USD"), movements=movements)
    assert [str(entry.amount) for entry in made.entries] == ["0.00", "0.00"]


@pytest.mark.promise("ledger-balances")
@pytest.mark.parametrize(
    "amounts", [("1.00", "-0.99"), ("1.00",), (), ("0.01", "0.01"), ("5.00", "-2.00", "-2.99")]
)
def test_what_does_not_sum_to_zero_is_never_entered(amounts: tuple[str, ...]) -> None:
    movements = [Movement("assets:cash", Decimal(amount)) for amount in amounts]
    with pytest.raises(InvalidRequest, match="sum to zero"):
        append(Tip(), Heading("t", "deposit", DAY, "wrong", "USD"), movements=movements)


@pytest.mark.parametrize(
    ("movement", "what"),
    [
        (Movement("assets:cash", Decimal("0.001")), "no whole number of 0.01"),
        (Movement("assets:cash", Decimal("NaN")), "no whole number"),
        (Movement("assets:cash", Decimal("1e308")), "no whole number"),
        (Movement(AAA, Decimal(1), "AAA", Decimal("1e-7"), LOT), "no whole number of 0.000001"),
        (Movement(AAA, Decimal(1), "AAA", Decimal(1)), "how many units of which lot"),
        (Movement(AAA, Decimal(1), "AAA", None, LOT), "how many units of which lot"),
        (Movement(AAA, Decimal(1), "BBB", Decimal(1), LOT), "and of BBB"),
        (Movement(AAA, Decimal(1)), "and of None"),
        (Movement("assets:cash", Decimal(1), None, Decimal(1)), "no position"),
        (Movement("assets:cash", Decimal(1), None, None, LOT), "no position"),
    ],
)
def test_a_movement_that_cannot_be_is_never_entered(movement: Movement, what: str) -> None:
    other = Movement("equity:capital", Decimal(-1))
    with pytest.raises(InvalidRequest, match=what):
        append(Tip(), Heading("t", "trade", DAY, "wrong", "USD"), movements=(movement, other))


@pytest.mark.promise("ledger-tamper")
def test_any_altered_field_is_found_and_its_entry_named() -> None:
    made, cases = ledger(), 0
    for number, transaction in enumerate(made):
        for name, position, altered in flipped(transaction):
            fault = verify([*made[:number], altered, *made[number + 1 :]]).fault
            assert fault is not None, name
            assert (fault.transaction, fault.entry) == (number, position), name
            cases += 1
    assert cases == 5 * 5 + 15 * len(Entry.model_fields)


@pytest.mark.promise("ledger-tamper")
def test_removed_inserted_and_moved_transactions_and_entries_are_found() -> None:
    made = ledger()
    tip = made[-1].entries[-1].hash
    for number in range(5):
        assert verify([*made[:number], *made[number + 1 :]], tip=tip).fault is not None
        assert verify([*made[:number], made[number], *made[number:]], tip=tip).fault is not None
    for number in range(4):
        moved = [*made]
        moved[number], moved[number + 1] = moved[number + 1], moved[number]
        fault = verify(moved).fault
        assert fault is not None
        assert fault.transaction == number
    entries = made[2].entries
    for kept in (entries[:2], entries[1:], (entries[1], entries[0], entries[2]), entries * 2):
        changed = made[2].model_copy(update={"entries": kept})
        fault = verify([*made[:2], changed, *made[3:]]).fault
        assert fault is not None
        assert fault.transaction == 2


@pytest.mark.promise("ledger-tamper")
def test_a_ledger_cut_at_its_end_is_found_by_the_hash_a_tick_keeps() -> None:
    made = ledger()
    fault = verify(made[:-1], tip=made[-1].entries[-1].hash).fault
    assert fault is not None
    assert "ends here" in fault.what


def forged(made: list[Transaction], number: int, **change: object) -> list[Transaction]:
    """Alter a transaction and hash the whole chain anew, as somebody could who knows how."""
    made = [*made]
    made[number] = made[number].model_copy(update=change)
    previous = GENESIS
    for place, each in enumerate(made):
        entries: list[Entry] = []
        for position, entry in enumerate(each.entries):
            said = each.model_copy(update={"entries": (*entries, *each.entries[position:])})
            links = {"previous": previous, "hash": digest(previous, said, position)}
            entries.append(entry.model_copy(update=links))
            previous = entries[-1].hash
        made[place] = each.model_copy(update={"entries": tuple(entries)})
    return made


def test_a_chain_forged_without_a_change_is_the_chain() -> None:
    assert forged(ledger(), 2) == ledger()


SALE: dict[str, object] = {
    "quantity": Decimal("-1.500000"),
    "amount": Decimal("-100.00"),
    "lot": "20200102-0",
}
BACK: dict[str, object] = {"amount": Decimal("99.90")}
SAME: dict[str, object] = {}


@pytest.mark.promise("ledger-tamper")
@pytest.mark.parametrize(
    ("changes", "entry", "what"),
    [
        (({"lot": "20200102-7"}, SAME), 0, "never opened"),
        (({"lot": "20200102-0"} | SALE, BACK), None, None),
        ((SALE | {"quantity": Decimal("-1.600000")}, BACK), 0, "more of the lot 20200102-0"),
        ((SALE | {"amount": Decimal("-99.00")}, {"amount": Decimal("98.90")}), 0, "leaves 1.00"),
        (({"lot": None}, SAME), 0, "which lot"),
        (({"quantity": None}, SAME), 0, "which lot"),
        (({"symbol": "BBB"}, SAME), 0, "of BBB"),
        ((SAME, {"quantity": Decimal("1.000000")}), 1, "no position"),
        ((SAME, {"lot": "20200102-0"}), 1, "no position"),
        (({"amount": Decimal("100.01")}, SAME), None, "sum to zero"),
        (({"currency": "EUR"}, SAME), None, "one currency"),
    ],
)
def test_what_cannot_be_is_found_even_in_a_chain_hashed_anew(
    changes: tuple[dict[str, object], ...], entry: int | None, what: str | None
) -> None:
    made = ledger()
    entries = list(made[2].entries)
    for position, change in enumerate(changes):
        entries[position] = entries[position].model_copy(update=change)
    fault = verify(forged(made, 2, entries=tuple(entries))).fault
    if what is None:
        assert fault is None
        return
    assert fault is not None
    assert (fault.transaction, fault.entry) == (2, entry)
    assert what in fault.what


@pytest.mark.promise("ledger-tamper")
def test_a_transaction_entered_twice_is_found_though_the_chain_is_sound() -> None:
    made = ledger()
    fault = verify(forged(made, 3, transaction_id=made[1].transaction_id)).fault
    assert fault is not None
    assert (fault.transaction, fault.what) == (3, "an earlier transaction has the same id")


@pytest.mark.promise("ledger-tamper")
def test_a_transaction_emptied_of_its_entries_is_found() -> None:
    made = ledger()
    made[1] = made[1].model_copy(update={"entries": ()})
    fault = verify(made).fault
    assert fault is not None
    assert fault.transaction == 1
