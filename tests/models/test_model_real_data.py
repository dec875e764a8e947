"""Real consumer delinquencies: the pipeline reaches what is published for it."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest
from model_samples import DATA, frame_of, spec

from dandelion.models import Dataset, train_pd

FILE = DATA / "credit" / "give_me_some_credit.parquet"


@pytest.mark.skipif(not FILE.exists(), reason="real loans are not here; set DANDELION_DATA (docs/data.md)")
def test_twenty_thousand_real_loans_train_a_calibrated_champion():
    table = pq.read_table(FILE).slice(0, 20_000)
    label, *names = table.column_names
    columns = {f"real/{n.replace('-', '_')}": table[n].to_numpy(zero_copy_only=False).astype(float) for n in names}
    rows, zero = table.num_rows, np.zeros(table.num_rows, np.int64)
    data = Dataset(
        frame_of(columns), table[label].to_numpy().astype(np.int8), zero, zero + 1, 1, "90 days late within 2 years"
    )
    trained = train_pd(data, spec(split={"by": "group"}, booster={"rounds_max": 300}))
    figures, other = trained.card.out_of_time, trained.challenger_card.out_of_time
    assert rows == 20_000 and trained.quarantine.suspects == ()
    assert min(figures.auc.mean, other.auc.mean) > 0.84 and max(figures.auc.mean, other.auc.mean) > 0.855
    assert figures.ece < 0.012 and abs(figures.level_gap) < 0.12
    assert trained.card.passed
