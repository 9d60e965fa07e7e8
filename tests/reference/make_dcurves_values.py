"""Decision curves from the package dcurves 1.1.7 on its own example data: dcurves_values.json.

Usage, from this folder, in an environment of its own: pip install dcurves==1.1.7; python
make_dcurves_values.py
"""

import json
from importlib.metadata import version
from pathlib import Path

import dcurves
import numpy as np
import pandas as pd

HERE = Path(__file__).parent
MODELS = ["cancerpredmarker", "famhistory"]


def main():
    data = pd.read_csv(Path(dcurves.__file__).parent / "data" / "df_binary.csv")
    thresholds = np.arange(1, 100) / 100
    table = dcurves.dca(data=data, outcome="cancer", modelnames=MODELS, thresholds=thresholds)
    curves = {name: part.net_benefit.tolist() for name, part in table.groupby("model")}
    values = {
        "about": {
            "package": f"dcurves {version('dcurves')} (Apache License 2.0)",
            "data": "its example data df_binary, columns cancer, cancerpredmarker and famhistory",
        },
        "events": data.cancer.astype(int).tolist(),
        "chances": {name: data[name].tolist() for name in MODELS},
        "thresholds": thresholds.tolist(),
        "net_benefit": curves,
    }
    (HERE / "dcurves_values.json").write_text(json.dumps(values) + "\n")


if __name__ == "__main__":
    main()
