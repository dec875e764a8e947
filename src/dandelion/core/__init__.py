"""core: the ground.  Money, time, ids, errors, event contracts and `Frame`.

In: plain Python and Arrow values.  Out: validated, frozen, exact ones.
No I/O.  Imports numpy, pyarrow and the standard library only; every other room may import it.
"""

from dandelion.core.canonical_json import canonical
from dandelion.core.errors import (
    BadInput,
    ConditionUnmet,
    Conflict,
    ConsentMissing,
    DandelionError,
    Erased,
    NotAllowed,
    NotFound,
    NotProved,
    TooLarge,
    TooMany,
    Unavailable,
)
from dandelion.core.frame import Column, Frame, MoneyColumn
from dandelion.core.ids import content_hash, content_ids, event_id, event_ids, new_id
from dandelion.core.money import PPM, Money, Rate, split_fen
from dandelion.core.plain_yaml import plain_yaml
from dandelion.core.schema import (
    Rejection,
    arrow_schema,
    event_class,
    fields_of,
    from_table,
    to_table,
    validate,
)
from dandelion.core.shaped import shaped
from dandelion.core.time import (
    DAY_US,
    HOUR_US,
    SECOND_US,
    Clock,
    ManualClock,
    SystemClock,
    Window,
    day_of,
    duration_us,
    instant,
    iso,
    start_of_day,
)

__all__ = [
    "DAY_US", "HOUR_US", "PPM", "SECOND_US", "BadInput", "Clock", "Column", "ConditionUnmet", "Conflict",
    "ConsentMissing", "DandelionError", "Erased", "Frame", "ManualClock", "Money", "MoneyColumn", "NotAllowed",
    "NotFound", "NotProved", "Rate", "Rejection", "SystemClock", "TooLarge", "TooMany", "Unavailable", "Window",
    "arrow_schema", "canonical", "content_hash", "content_ids", "day_of", "duration_us", "event_class", "event_id",
    "event_ids", "fields_of", "from_table", "instant", "iso", "new_id", "plain_yaml", "shaped", "split_fen", "start_of_day", "to_table",
    "validate",
]  # fmt: skip
