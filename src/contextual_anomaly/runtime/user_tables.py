"""Tables that a user brings, as CSV or Parquet."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from contextual_anomaly.errors import UserError
from contextual_anomaly.runtime.atomic import require_file


def read_user_table(path: str | Path, columns: Sequence[str], what: str) -> pa.Table:
    """Return some columns of a table, without rows that lack one of them.

    Args:
        path: a CSV file with a header, or a Parquet file; the first bytes tell which.
        columns: the columns that it must have; others are left out.
        what: the table in words, for messages.

    Raises:
        UserError: there is no such file, it is no table, it lacks columns, or a value is missing.
    """
    path = require_file(path, what)
    with path.open("rb") as file:
        is_parquet = file.read(4) == b"PAR1"
    try:
        table = pq.read_table(path) if is_parquet else pa_csv.read_csv(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{path}: {what} (CSV with a header, or Parquet) was expected: {reason}") from error
    lacking = [name for name in columns if name not in table.column_names]
    if lacking:
        raise UserError(
            f"{path}: {what} needs the columns {', '.join(columns)}; {', '.join(lacking)} "
            f"{'is' if len(lacking) == 1 else 'are'} missing, and there are {', '.join(table.column_names) or 'none'}."
        )
    table = table.select(list(columns))
    empty = [f"{table[name].null_count:,} in {name}" for name in columns if table[name].null_count]
    if empty:
        raise UserError(f"{path}: values are missing: {', '.join(empty)}.")
    return table
