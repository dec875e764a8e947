"""What cannot be packed may still be scored by onnxruntime (extra `onnx`), more slowly and with fewer promises.

Its sums are float32 in an order that it chooses, so a score may differ by a few millionths between processors and
versions, and nothing says how much each column moved it.  A decision that must replay byte for byte needs a packed model.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from dandelion.core import BadInput, Unavailable
from dandelion.models.forest.grove import CannotPack, Grove

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class OnnxBody:
    """A model body like `Trees`: raw scores only.  `output` names the graph's output; its last column is the score."""

    data: bytes = field(repr=False)
    columns: int
    output: str

    def raw(self, values: npt.NDArray[np.float32]) -> Ints:
        """Millionths of the graph's output, int64 (n,).  Raises BadInput where it gives no number."""
        name = self._session.get_inputs()[0].name
        answer = np.asarray(self._session.run([self.output], {name: np.ascontiguousarray(values)})[0], np.float64)
        score = answer.reshape(len(values), -1)[:, -1]
        if not np.isfinite(score).all():
            raise BadInput(
                f"the ONNX graph gives no number for row {int(np.flatnonzero(~np.isfinite(score))[0])}; "
                "convert it so that missing values are handled",
                field="onnx",
            )
        return np.rint(score * 1e6).astype(np.int64)

    def contributions(self, values: npt.NDArray[np.float32]) -> tuple[Ints, int]:
        raise BadInput(
            "a model served through onnxruntime cannot say what moved its score; use one that can be packed where "
            "reasons are needed",
            field="onnx",
        )

    def as_json(self) -> dict[str, Any]:
        return {"onnx": base64.b64encode(self.data).decode(), "columns": self.columns, "output": self.output}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> OnnxBody:
        return cls(base64.b64decode(plain["onnx"]), int(plain["columns"]), str(plain["output"]))

    @cached_property
    def _session(self) -> Any:
        try:
            import onnxruntime
        except ImportError as error:
            raise Unavailable(
                "this model is served through onnxruntime, which is not installed; "
                "pip install 'dandelion-credit[onnx]'",
                field="onnx",
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(self.data, options, providers=["CPUExecutionProvider"])
        names = [o.name for o in session.get_outputs()]
        if self.output not in names:
            raise BadInput(f"the ONNX graph has no output {self.output!r}; it has {', '.join(names)}", field="output")
        return session


def grove_or_onnx(read: Callable[[], Grove], onnx: bytes | None, columns: int, output: str) -> Grove | OnnxBody:
    """The packed model where that is possible, else the same model as ONNX.  Raises CannotPack with the reason where
    there is none."""
    try:
        return read()
    except CannotPack as reason:
        if onnx is None:
            raise CannotPack(f"{reason.message}, or give the model as ONNX too", field=reason.field) from reason
        return OnnxBody(onnx, columns, output)
