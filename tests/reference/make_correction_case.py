"""Write cases/halves.csv: 300 rows with halves of engagement and of a score, for reference values
of corrections.
"""

from pathlib import Path

import numpy as np
import pandas as pd

N = 300


def main() -> None:
    rng = np.random.default_rng(20121105)
    truth, age = rng.normal(size=N), rng.normal(size=N)
    error = rng.normal(size=(2, N)) * 0.7
    likes = truth + error
    klout = 0.7 * (truth + 0.5 * error) + rng.normal(size=N) * 0.7
    sales = 1 + 0.5 * truth + 0.2 * klout.mean(axis=0) + 0.3 * age + rng.standard_t(8, size=N)
    orders = rng.poisson(np.exp(0.3 + 0.4 * truth + 0.1 * klout.mean(axis=0)))
    frame = pd.DataFrame(
        {
            "likes_odd": likes[0],
            "likes_even": likes[1],
            "klout_odd": klout[0],
            "klout_even": klout[1],
            "age": age,
            "sales": sales,
            "orders": orders,
            "team": rng.integers(0, 40, N),
        }
    )
    frame.round(6).to_csv(Path(__file__).parent / "cases" / "halves.csv", index=False)


if __name__ == "__main__":
    main()
