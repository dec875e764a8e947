"""The rules of the naive lender whose past book the models learn from.  Pairs are (shop-line, invoice-line)."""

from __future__ import annotations

FIRST_MONTH = 3
LINE_MONTHS = 6
LIMIT_NOTCHES, LIMIT_CHANCES = (0.5, 0.75, 1.0, 1.4, 2.0), (0.1, 0.2, 0.4, 0.2, 0.1)
RATE_NOTCHES_PPM = ((108_000, 144_000, 180_000), (60_000, 75_000, 90_000))  # shop-line, invoice-line
RATE_CHANCES = (0.25, 0.5, 0.25)
MULTIPLE, MULTIPLE_NOISE = (1.3, 1.0), 0.25  # of mean monthly receipts
LIMIT_MIN_FEN, LIMIT_MAX_FEN = (50_000, 15_000_000), (20_000_000, 100_000_000)
RECEIPTS_MIN_FEN = (80_000, 2_000_000)
TAKE_UP = (0.24, 0.16)  # of eligible merchants without a line, a month
DRAWS_A_MONTH, DRAWS_SHAPE = (0.98, 0.5), 0.8
DRAWS_BY_HEALTH = -0.12
AMOUNT_MIN_FEN = 50_000
