"""A program that is killed in the middle of a fit, and started again: it goes on, to the same model bit for bit."""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

PROGRAM = """
import sys
import numpy as np
import shardlearn
from shardlearn.linear_model import LogisticRegression

rng = np.random.default_rng(0)
X = rng.normal(size=(100_000, 20))
y = X @ rng.normal(size=20) + rng.logistic(size=100_000) > 0

with shardlearn.checkpoint(sys.argv[1], every=0):  # every="30s" where a round takes longer
    model = LogisticRegression(solver="gradient-descent", tol=1e-9, max_iter=1000).fit(X, y)
print(shardlearn.fingerprint(model)[:16], "after", model.report_.rounds, "rounds", flush=True)
"""

with TemporaryDirectory() as folder:
    whole = [sys.executable, "-c", PROGRAM, f"{folder}/whole"]
    print("never killed:", subprocess.run(whole, check=True, capture_output=True, text=True).stdout.strip())

    run = [sys.executable, "-c", PROGRAM, f"{folder}/killed"]
    victim = subprocess.Popen(run, stdout=subprocess.DEVNULL)
    while victim.poll() is None and not list(Path(folder).glob("killed/fit-0000/step-*5/MANIFEST.json")):
        pass
    victim.kill()
    print("killed:      ", "exit code", victim.wait())
    print("started again:", subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip())
