"""Alembic migrations of every room's tables, hand-written, run by `Vault.connect`."""
