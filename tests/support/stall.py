"""A merchant that every book likes: the warm-up's payments and nothing else on record."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from dandelion.app.warm import MadeUp
from dandelion.core import arrow_schema


@dataclass(frozen=True)
class Stall(MadeUp):
    """Paid by sixty people who have nothing to do with one another."""

    def events(self, kind: str, role: str, start_us: int | None = None) -> pa.Table:
        if (kind, role) != ("payment", "payee"):
            return arrow_schema(kind).empty_table()
        table = super().events(kind, role, start_us)
        for name in ("device", "order_id"):
            table = table.set_column(table.schema.get_field_index(name), name, pa.nulls(len(table), pa.string()))
        channel = pa.array(["qr"] * len(table), table.schema.field("channel").type)
        return table.set_column(table.schema.get_field_index("channel"), "channel", channel)
