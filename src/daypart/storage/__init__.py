"""Where boxes lie and how they are read and written: the one door to files, local or on S3.

`location` turns what a user wrote into a `Location`: a `pathlib.Path`, or an `S3Path` that answers
the same calls. Every file appears whole or not at all. Where two processes may race, `create_json`
and `replace_json` let one of them win; a `Lease` is a lock among machines.
"""

from daypart.storage.conditional import create_json, read_versioned, replace_json
from daypart.storage.files import (
    atomic_path,
    delete_files,
    file_digest,
    is_temporary,
    kept_copy,
    local_copy,
    make_folder,
    make_local_folder,
    read_json,
    read_toml,
    remove_unfinished,
    write_json,
    write_text,
)
from daypart.storage.lease import LEASE_SECONDS, Holder, Lease, holder_of
from daypart.storage.location import (
    Location,
    PathLike,
    file_name_of,
    local_path,
    location,
    relative_location,
    resolve_location,
)
from daypart.storage.row_groups import read_schema, read_some_rows
from daypart.storage.s3_path import ObjectStat, S3Path
from daypart.storage.sizes import parse_size
from daypart.storage.tables import open_parquet, read_table, read_tables, table_writer, write_table

__all__ = [
    "LEASE_SECONDS",
    "Holder",
    "Lease",
    "Location",
    "ObjectStat",
    "PathLike",
    "S3Path",
    "atomic_path",
    "create_json",
    "delete_files",
    "file_digest",
    "file_name_of",
    "holder_of",
    "is_temporary",
    "kept_copy",
    "local_copy",
    "local_path",
    "location",
    "make_folder",
    "make_local_folder",
    "open_parquet",
    "parse_size",
    "read_json",
    "read_schema",
    "read_some_rows",
    "read_table",
    "read_tables",
    "read_toml",
    "read_versioned",
    "relative_location",
    "remove_unfinished",
    "replace_json",
    "resolve_location",
    "table_writer",
    "write_json",
    "write_table",
    "write_text",
]
