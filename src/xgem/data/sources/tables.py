"""The csv files of a release, gzip or plain, with the columns that its publisher documents."""

import csv
import gzip
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from xgem.errors import InputError

csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # reports stand in fields


def find_table(folder: Path, name: str) -> Path | None:
    """The table as ``name`` or ``name.gz`` in ``folder``; None where it is not there."""
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    return None


def need_table(folder: Path, name: str) -> Path:
    """`find_table`, which must be there.

    Raises:
        InputError: it is not.
    """
    found = find_table(folder, name)
    if found is None:
        raise InputError(
            f"{folder} has no {name} or {name}.gz, expected among the release's files; "
            f"download it, or name the folder that holds it"
        )
    return found


def read_rows(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Rows as dictionaries, values stripped, "" where a value is missing.

    Raises:
        InputError: the file cannot be read as such a table, or lacks one of ``columns``.
    """
    try:
        with _opened(path) as stream:
            reader = csv.DictReader(stream)
            missing = [name for name in columns if name not in (reader.fieldnames or ())]
            if missing:
                raise InputError(
                    f"{path} has no column {', '.join(missing)}; its columns are "
                    f"{', '.join(reader.fieldnames or ['none'])}; take the publisher's file"
                )
            for row in reader:
                yield {key: (value or "").strip() for key, value in row.items() if key}
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read the table {path} ({error}); download it again") from error


def _opened(path: Path) -> io.TextIOBase:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")
