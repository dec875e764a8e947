"""The server of `bench/decisions_http.py`: a real house on SQLite, whose shop-line rules by 3,000 strategies and 100 models.

Run by the bench as a process of its own: ``python bench/decisions_server.py WORKSPACE PORT STRATEGIES MODELS``.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from dandelion.app.house import House
from dandelion.app.serve import serve_house
from decisions_engine import engine

PRODUCT = "shop-line"


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    root, port, strategies, models = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    house = House.open(root)
    ruling = engine(strategies, models)
    for rows in (1, 20):  # loads the kernels of both ways
        ruling.rule(*_nothing(ruling, rows), tenant="bench", as_of=0)
    house.policy._engines[PRODUCT] = ruling  # in place of the workspace's own
    serve_house(house, port=port)


def _nothing(ruling, rows: int):
    import numpy as np

    return np.full((rows, len(ruling.columns)), np.nan, np.float32), ["m"] * rows


if __name__ == "__main__":
    main()
