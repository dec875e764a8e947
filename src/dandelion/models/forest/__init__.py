"""models.forest: many tree models packed into one kernel that scores them together.

In: models read from LightGBM text, XGBoost JSON, fitted scikit-learn estimators or our own `Trees`.  Out: a `Forest`
whose scores are whole billionths, the same bytes alone or in a batch.  What cannot be packed is refused with the reason.
"""

from dandelion.models.forest.body import GroveBody
from dandelion.models.forest.forest import Forest
from dandelion.models.forest.grove import CannotPack, Grove
from dandelion.models.forest.lightgbm_text import from_lightgbm
from dandelion.models.forest.onnx_body import OnnxBody, grove_or_onnx
from dandelion.models.forest.sklearn_trees import from_sklearn
from dandelion.models.forest.xgboost_json import from_xgboost

__all__ = [
    "CannotPack",
    "Forest",
    "Grove",
    "GroveBody",
    "OnnxBody",
    "from_lightgbm",
    "from_sklearn",
    "from_xgboost",
    "grove_or_onnx",
]
