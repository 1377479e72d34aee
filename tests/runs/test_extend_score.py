"""A score is added as docs/how-to/extend/score.md says: one file and one line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from counted_stores import make_store

ROOT = Path(__file__).parents[2]
BACKTEST = """
import sys
from daypart.runs.backtest import backtest
backtest(sys.argv[1], weeks=1, model="seasonal_naive", against=[], out=sys.argv[2])
"""


def test_a_score_of_one_file_and_one_line_is_in_the_results_of_a_backtest(tmp_path):
    page = (ROOT / "docs/how-to/extend/score.md").read_text()
    (module,) = re.findall(r"```python\n# src/(\S+)\n(.*?)```", page, re.DOTALL)
    (line,) = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    source = tmp_path / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    (source / module[0]).write_text(module[1])
    registry = source / "daypart/runs/scoring/hour_scores.py"
    name = module[0].removesuffix(".py").replace("/", ".")
    text = registry.read_text()
    text = text.replace("import numpy as np\n", f"import numpy as np\nfrom {name} import *\n", 1)
    registry.write_text(text.replace('    "crps": HourScore', f'{line}    "crps": HourScore', 1))
    store = make_store(tmp_path / "store", {"501": 3}).folder
    subprocess.run(
        [sys.executable, "-c", BACKTEST, str(store), str(tmp_path / "out")],
        env={**os.environ, "PYTHONPATH": str(source)},
        check=True,
    )
    summary = json.loads((tmp_path / "out/backtest.json").read_text())
    levels = {row["level"]: row["squared_error"] for row in summary["levels"]}
    partitions = pq.read_table(tmp_path / "out/backtest.parquet")["squared_error"].to_pylist()
    assert levels["partition"] == pytest.approx(np.mean(partitions))
    assert levels["total"] > 0
