"""The table of a plan: every partition, where its data are, and the task that fits it."""

from __future__ import annotations

import pyarrow as pa

from daypart.engine.results.folder import RunFolder
from daypart.errors import DamagedFile
from daypart.storage.columns import check_columns
from daypart.storage.tables import read_table

_COLUMNS = pa.schema(
    [
        pa.field("unique_id", pa.string(), nullable=False),
        pa.field("region", pa.string(), nullable=False),
        pa.field("row", pa.int32(), nullable=False),
        pa.field("content_hash", pa.string()),
        pa.field("task", pa.int32()),
        pa.field("attempt", pa.int32(), nullable=False),
    ]
)


def read_plan_table(folder: RunFolder) -> pa.Table:
    """Read the plan of a run: its key columns, then those that the engine needs.

    Parameters
    ----------
    folder : RunFolder

    Raises
    ------
    DaypartError
        When the file is missing or can't be read.
    DamagedFile
        When it is not a whole plan.
    """
    plan = read_table(folder.plan)
    check_columns(plan, _COLUMNS, folder.plan)
    key = pa.schema(
        [
            pa.field(name, pa.string(), nullable=False)
            for name in plan.column_names[: plan.column_names.index("unique_id")]
        ]
    )
    check_columns(plan, key, folder.plan)
    if len(plan.column("unique_id").unique()) != len(plan):
        raise DamagedFile(
            f"{folder.plan}: lists a partition twice", hint="run the same daypart fit again"
        )
    return plan
