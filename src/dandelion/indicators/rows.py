"""What is asked for: one (subject, as_of, known_at) a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput
from dandelion.core.frame import Ints


@dataclass(frozen=True, slots=True)
class Rows:
    names: npt.NDArray[np.object_]
    as_of: Ints
    known_at: Ints

    @classmethod
    def of(cls, subjects: Sequence[str], as_of: int | npt.ArrayLike, known_at: int | npt.ArrayLike) -> Rows:
        """Errors (BadInput): instants that are not whole microseconds, one or one per subject."""
        names = np.asarray(subjects, object)

        def spread(value: int | npt.ArrayLike, field: str) -> Ints:
            moments = np.asarray(value)
            if not np.issubdtype(moments.dtype, np.integer) or moments.shape not in ((), (len(names),)):
                raise BadInput(f"{field} must be UTC microseconds, one or one per subject ({len(names)})", field=field)
            return np.array(np.broadcast_to(moments.astype(np.int64), (len(names),)))

        return cls(names, spread(as_of, "as_of"), spread(known_at, "known_at"))

    def __len__(self) -> int:
        return len(self.names)

    def part(self, start: int, end: int) -> Rows:
        return Rows(self.names[start:end], self.as_of[start:end], self.known_at[start:end])
