"""The lake's manifest in SQL: which files there are, at which version.  What is not listed does not exist.

A version per (tenant, kind) grows with every change; whoever prepared files against an older one must begin again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from dandelion.vault.tables import lake_files, lake_trash, lake_versions

IDS = "#ids"  # the role under which a kind's sorted id index is listed


@dataclass(frozen=True, slots=True)
class LakeFile:
    """One listed file; `path` is relative to the lake folder."""

    file_id: str
    kind: str
    role: str
    month: str
    bucket: int
    buckets: int
    path: str
    rows: int
    bytes: int
    sha256: str
    at_min: int
    at_max: int


def version(connection: sa.Connection, tenant: str, kind: str) -> int:
    """0 for a kind that never had a file."""
    query = sa.select(lake_versions.c.version).where(lake_versions.c.tenant == tenant, lake_versions.c.kind == kind)
    return int(connection.execute(query).scalar() or 0)


_COLUMNS = [column for column in lake_files.c if column.name not in ("tenant", "created")]


def files(connection: sa.Connection, tenant: str, kind: str, role: str) -> list[LakeFile]:
    """Listed files of one kind and role, by month and bucket."""
    query = (
        sa.select(*_COLUMNS)
        .where(lake_files.c.tenant == tenant, lake_files.c.kind == kind, lake_files.c.role == role)
        .order_by(lake_files.c.month, lake_files.c.bucket, lake_files.c.file_id)
    )
    return [LakeFile(**row._mapping) for row in connection.execute(query)]


def everything(connection: sa.Connection, tenant: str) -> list[LakeFile]:
    """Every listed file of a tenant, the id indexes too."""
    query = sa.select(*_COLUMNS).where(lake_files.c.tenant == tenant).order_by(lake_files.c.path)
    return [LakeFile(**row._mapping) for row in connection.execute(query)]


def kinds(connection: sa.Connection, tenant: str) -> list[str]:
    """Kinds that have had files."""
    query = sa.select(lake_versions.c.kind).where(lake_versions.c.tenant == tenant).order_by(lake_versions.c.kind)
    return [str(kind) for (kind,) in connection.execute(query)]


def swap(
    connection: sa.Connection, tenant: str, kind: str, now: int, *, add: Iterable[LakeFile], drop: Sequence[LakeFile]
) -> None:
    """List new files, unlist old ones (into the trash) and raise the version, in the caller's transaction."""
    for file in drop:
        connection.execute(
            sa.delete(lake_files).where(lake_files.c.tenant == tenant, lake_files.c.file_id == file.file_id)
        )
    discard(connection, tenant, [file.path for file in drop], now)
    rows: list[dict[str, Any]] = [{"tenant": tenant, "created": now, **asdict(file)} for file in add]
    if rows:
        connection.execute(sa.insert(lake_files), rows)
    raised = connection.execute(
        sa.update(lake_versions)
        .where(lake_versions.c.tenant == tenant, lake_versions.c.kind == kind)
        .values(version=lake_versions.c.version + 1)
    )
    if raised.rowcount == 0:
        connection.execute(sa.insert(lake_versions).values(tenant=tenant, kind=kind, version=1))


def discard(connection: sa.Connection, tenant: str, paths: Sequence[str], now: int) -> None:
    """Remember paths to delete once no reader can hold them any more."""
    if paths:
        connection.execute(sa.insert(lake_trash), [{"tenant": tenant, "path": path, "dropped": now} for path in paths])


def listed_paths(connection: sa.Connection, tenant: str) -> set[str]:
    query = sa.select(lake_files.c.path).where(lake_files.c.tenant == tenant)
    return {str(path) for (path,) in connection.execute(query)}


def trash(connection: sa.Connection, tenant: str, before: int | None = None) -> list[str]:
    query = sa.select(lake_trash.c.path).where(lake_trash.c.tenant == tenant)
    if before is not None:
        query = query.where(lake_trash.c.dropped <= before)
    return [str(path) for (path,) in connection.execute(query)]


def forget(connection: sa.Connection, tenant: str, paths: Sequence[str]) -> None:
    for path in paths:
        connection.execute(sa.delete(lake_trash).where(lake_trash.c.tenant == tenant, lake_trash.c.path == path))
