"""A table in many files, fitted within a memory limit, predicted to files: nothing is ever whole in memory."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

import shardlearn
from shardlearn.linear_model import Ridge

with TemporaryDirectory() as folder:
    rng = np.random.default_rng(0)
    (Path(folder) / "rides").mkdir()
    for day in range(10):
        rides = pd.DataFrame({"ride": np.arange(10_000) + 10_000 * day, "km": rng.gamma(2.0, 3.0, 10_000)})
        rides["minutes"] = 4.0 + 2.5 * rides.km + rng.normal(0.0, 3.0, 10_000)
        rides.to_parquet(f"{folder}/rides/day-{day}.parquet")

    with shardlearn.engine("threads", memory="100MB"):
        table = shardlearn.read(f"{folder}/rides/*.parquet", columns=["km"])
        model = Ridge().fit(table, y="minutes")
        print(f"{model.intercept_:.2f} minutes, and {model.coef_[0]:.2f} a km")
        print(f"R2 {model.score(table, y='minutes'):.4f}")
        model.predict(table).to_parquet(f"{folder}/predictions", keep=["ride"])

    print(pd.read_parquet(f"{folder}/predictions").head(3))
    print(model.report_)
