"""Results carry aggregates: no id, no row, no quoted cell of a person gets into a result folder."""

import shop

import analysis as sa
from analysis.plan import read_plan


def test_no_id_of_a_row_is_in_the_results(tmp_path):
    frame = shop.table()
    frame["id"] = [f"person-{number:04d}@example.org" for number in range(shop.ROWS)]
    path = shop.write(tmp_path, frame.to_csv(index=False), row="id", quick=True)
    folder = sa.audit(read_plan(path)).export(tmp_path / "out")
    for file in folder.rglob("*"):
        if file.is_file():
            assert b"person-0" not in file.read_bytes(), file
            assert b"@example.org" not in file.read_bytes(), file
