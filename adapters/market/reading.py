"""Files and folders of prices, read into the screen by what each of them is."""

from __future__ import annotations

from pathlib import Path

from adapters.market.alphavantage import read_alpha_vantage
from adapters.market.blocks import give_back
from adapters.market.csv_rows import read_csv
from adapters.market.parquet_rows import read_parquet
from adapters.market.rows import RawRows
from adapters.market.screen import RowScreen
from schemas.errors import InvalidRequest, NotFound

_READERS = {
    ".json": read_alpha_vantage,
    ".parquet": read_parquet,
    ".csv": read_csv,
    ".txt": read_csv,
    ".tsv": read_csv,
}
_LARGEST = 1 << 30


def read_prices(path: Path, screen: RowScreen) -> None:
    """Screen the rows of a file, or of every file of a folder that looks like prices.

    A file of a folder that cannot be used is left out, with a note. `NotFound`, `InvalidRequest`.
    """
    if not path.exists():
        raise NotFound(f"there is no file or folder {shown_name(path)!r}")
    if path.is_dir():
        _read_folder(path, screen)
    else:
        _read_file(path, screen)
    give_back()


def shown_name(path: Path) -> str:
    """Return the last part of a path; `/` is called so, and `.` by the folder's own name."""
    return path.name or path.resolve().name or str(path)


def _read_folder(path: Path, screen: RowScreen) -> None:
    files = sorted(file for file in _listed(path) if file.suffix.lower() in _READERS)
    if not files:
        raise InvalidRequest(
            f"the folder {shown_name(path)!r} holds no .csv and no .json file, nor a .parquet one"
        )
    refused: list[str] = []
    for file in files:
        try:
            _read_file(file, screen)
        except InvalidRequest as error:
            screen.drop_file()
            refused.append(str(error))
            screen.quarantine.notes.append(f"a file was left out: {error}")
    if len(refused) == len(files):
        raise InvalidRequest(
            f"not one file of {shown_name(path)!r} can be used; the first: {refused[0]}"
        )


def _listed(folder: Path) -> list[Path]:
    try:
        return [file for file in folder.iterdir() if not file.name.startswith(".")]
    except OSError as error:
        raise InvalidRequest(f"the folder {shown_name(folder)!r} cannot be read") from error


def _read_file(path: Path, screen: RowScreen) -> None:
    if not path.is_file():
        raise InvalidRequest(f"{path.name!r} is no ordinary file")
    if path.stat().st_size > _LARGEST:
        raise InvalidRequest(f"{path.name!r} is larger than 1 GiB: split it by symbol")
    screen.start_file(path.name)
    try:
        for block in _READERS.get(path.suffix.lower(), read_csv)(path):
            if isinstance(block, RawRows):
                screen.add(block, file_symbol=path.stem)
            else:
                screen.add_broken(block)
    except OSError as error:
        raise InvalidRequest(f"{path.name!r} cannot be read") from error
