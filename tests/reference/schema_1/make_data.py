"""Write the data of the plans beside this: drawn once, from a seed."""

from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).resolve().parent


def main() -> None:
    rng = np.random.default_rng(20261130)
    n = 90
    likes = rng.gamma(3, 40, n).round()
    score = 20 + 6 * np.log1p(likes) + rng.normal(0, 8, n)
    base = np.log1p(likes)
    shops = pd.DataFrame(
        {
            "Shop": np.arange(1, n + 1),
            "Klout score!": score.round(1),
            "Likes / day": likes,
            "Größe": rng.normal(50, 9, n).round(1),
            "Revenue (USD)": np.exp(0.4 * base + 0.01 * score + rng.normal(0, 0.5, n)).round(2),
            "Ort": rng.choice(["Nord", "Süd", "West"], n),
        }
    )
    shops["Umsatz 2013"] = (30 + 4 * base + 0.4 * score + rng.normal(0, 9, n)).round(2)
    shops.to_csv(HERE / "shops.csv", index=False, lineterminator="\n")
    clients = pd.DataFrame(
        {
            "client": np.arange(1, n + 1),
            "rating": rng.normal(0, 1, n).round(3),
            "visits_odd": likes + rng.poisson(9, n),
            "visits_even": likes + rng.poisson(9, n),
            "manager": rng.integers(1, 31, n),
        }
    )
    clients["visits"] = clients["visits_odd"] + clients["visits_even"]
    chance = 1 / (1 + np.exp(-(0.8 * clients["rating"] + 0.5 * (base - base.mean()))))
    clients["renewed"] = (rng.random(n) < chance).astype(int)
    clients.to_csv(HERE / "clients.csv", index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
