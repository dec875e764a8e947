"""lending: the double-entry ledger and the life of a credit line."""
