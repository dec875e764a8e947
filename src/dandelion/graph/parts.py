"""Parts of a graph that hang together, numbered.  SciPy is loaded by the first call: most commands never make one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int32]


def linked_parts(a: npt.ArrayLike, b: npt.ArrayLike, count: int) -> Labels:
    """(count,) the number of each node's part: nodes are in one part if ties `a[i]`-`b[i]` lead from one to the other."""
    return _labels(a, b, count, directed=False)


def cyclic_parts(a: npt.ArrayLike, b: npt.ArrayLike, count: int) -> Labels:
    """(count,) the same where arrows `a[i]`→`b[i]` must lead there and back."""
    return _labels(a, b, count, directed=True)


def _labels(a: npt.ArrayLike, b: npt.ArrayLike, count: int, directed: bool) -> Labels:
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ties: Any = coo_matrix((np.ones(len(np.asarray(a))), (a, b)), shape=(count, count))
    return np.asarray(connected_components(ties, directed=directed, connection="strong")[1], np.int32)
