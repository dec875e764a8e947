"""The server of `bench/decisions_http.py`: a real house on SQLite, whose shop-line rules by 3,000 strategies and 100 models.

Run by the bench as a process of its own: ``python bench/decisions_server.py WORKSPACE PORT STRATEGIES MODELS``.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from dandelion.app.house import House
from dandelion.app.serve import serve_house
from dandelion.app.warm import ruled_on
from decisions_engine import engine

PRODUCT = "shop-line"


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    root, port, strategies, models = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    house = House.open(root)
    house.policy._engines[PRODUCT] = engine(strategies, models)  # in place of the workspace's own
    ruled_on(house, PRODUCT, 0)
    serve_house(house, port=port)


if __name__ == "__main__":
    main()
