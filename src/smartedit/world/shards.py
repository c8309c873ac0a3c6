"""Pairs as parquet: the columns, pictures as PNG bytes in the layout that `datasets` shows as pictures."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from smartedit.world.pairs import Pair

#: Column -> what it holds; the order of columns in a file.
COLUMNS = {
    "id": "text",
    "before": "picture",
    "after": "picture",
    "mask": "picture",
    "region_ids": "picture",
    "instruction": "text",
    "reply": "text",
    "group": "text",
    "op": "text",
    "wording": "text",
    "fact": "text",
    "scene": "text",
    "edit": "text",
    "seed": "number",
}
#: Added to `region_ids` so that they fit 8 bits.
IDS_OFFSET = 128

_PICTURE = pa.struct({"bytes": pa.binary(), "path": pa.string()})
_ARROW = {"text": pa.string(), "picture": _PICTURE, "number": pa.int64()}
_FEATURES = {
    "text": {"dtype": "string", "_type": "Value"},
    "picture": {"_type": "Image"},
    "number": {"dtype": "int64", "_type": "Value"},
}


def _schema() -> pa.Schema:
    features = {name: _FEATURES[kind] for name, kind in COLUMNS.items()}
    about = {"huggingface": json.dumps({"info": {"features": features}})}
    return pa.schema([(name, _ARROW[kind]) for name, kind in COLUMNS.items()], metadata=about)


def png(array: np.ndarray) -> bytes:
    """A uint8 (H, W, 3) or (H, W) array as PNG bytes."""
    data = io.BytesIO()
    Image.fromarray(array).save(data, "PNG", compress_level=4)
    return data.getvalue()


def pair_row(pair: Pair) -> dict:
    """A pair as one row of a shard: pictures as PNG bytes, scene and edit as JSON text."""
    row = {name: getattr(pair, name) for name in COLUMNS}
    row["mask"] = pair.mask.astype(np.uint8) * 255
    row["region_ids"] = (pair.region_ids + IDS_OFFSET).astype(np.uint8)
    for name in ("scene", "edit"):
        row[name] = json.dumps(row[name], sort_keys=True)
    for name in (name for name, kind in COLUMNS.items() if kind == "picture"):
        row[name] = {"bytes": png(row[name]), "path": None}
    return row


def write_shard(rows: list[dict], path: Path) -> None:
    """Write rows to a parquet file."""
    pq.write_table(pa.Table.from_pylist(rows, schema=_schema()), path, compression="zstd", row_group_size=100)


def count_rows(path: Path) -> int:
    """How many pairs a shard holds."""
    return pq.read_metadata(path).num_rows


def truncate_shard(path: Path, rows: int) -> None:
    """Keep only the first rows of a shard (written beside it and renamed)."""
    shorter = path.with_name(f"{path.name}.short.tmp")
    pq.write_table(pq.read_table(path).slice(0, rows), shorter, compression="zstd", row_group_size=100)
    os.replace(shorter, path)
