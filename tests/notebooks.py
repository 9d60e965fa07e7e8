"""Execute and normalise the notebooks: what is committed is what a fresh run prints.

    python tests/notebooks.py            execute every notebook in place
    python tests/notebooks.py --check    only say which are not in normal form

Normal form: fixed cell ids, kernel python3, execution counts from 1, no execution times, streams in
one piece, and a final newline. Outputs are kept: readers on the web see nothing else.
"""

import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from traitlets.config import Config

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
NUMBER = re.compile(r"(?<![\w.])[-+\N{MINUS SIGN}]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?(?!\w)")
"""Numbers that stand alone; the digits inside a hash or a name are text."""


def paths():
    return sorted(FOLDER.glob("*.ipynb"))


def executed(path, timeout=240):
    """Return a fresh run of a notebook; an error in a cell raises nbclient's CellExecutionError."""
    notebook = nbformat.read(path, as_version=4)
    # "auto" keeps ipykernel's warning about an unencrypted connection out of the outputs
    quiet = Config({"KernelManager": {"transport_encryption": "auto"}})
    resources = {"metadata": {"path": str(path.parent)}}
    NotebookClient(
        notebook, timeout=timeout, kernel_name="python3", config=quiet, resources=resources
    ).execute()
    return normalised(notebook)


def normalised(notebook):
    """Return the notebook without what differs between two runs or two machines."""
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": KERNEL, "language_info": {"name": "python"}}
    )
    count = 0
    for number, cell in enumerate(notebook.cells, 1):
        cell.id = (
            cell.get("id")
            if re.fullmatch(r"[a-z][a-z0-9-]*", cell.get("id", ""))
            else f"cell-{number}"
        )
        tags = cell.metadata.get("tags")
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            cell.outputs = joined(cell.outputs)
            for output in cell.outputs:
                if "execution_count" in output:
                    output.execution_count = count
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def joined(outputs):
    """Return outputs with neighbouring pieces of one stream in one: where they are cut is
    chance.
    """
    whole = []
    for output in outputs:
        if output.output_type == "stream" and whole and whole[-1].get("name") == output.name:
            whole[-1].text += output.text
        else:
            whole.append(output)
    return whole


def written(notebook):
    return nbformat.writes(notebook, indent=1) + "\n"


def texts(cell):
    """Return what a reader reads of a cell's outputs; images are left out, their descriptions are
    not.
    """
    found = []
    for output in cell.outputs:
        if output.output_type == "stream":
            found.append(output.text)
        for kind in ("text/html", "text/markdown", "text/plain"):
            if kind in output.get("data", {}):
                found.append(
                    re.sub(r"data:image/png;base64,[\w+/=]+", "data:image", output.data[kind])
                )
    return found


def difference(fresh, committed, tolerance=1e-6):
    """Return what differs between two texts, or None: words exactly, numbers to a relative
    tolerance.
    """
    if fresh == committed:
        return None
    if NUMBER.split(fresh) != NUMBER.split(committed):
        return f"fresh:     {fresh}\ncommitted: {committed}"
    for one, other in zip(NUMBER.findall(fresh), NUMBER.findall(committed), strict=True):
        a, b = (
            float(text.replace(",", "").replace("\N{MINUS SIGN}", "-")) for text in (one, other)
        )
        if one != other and abs(a - b) > tolerance * max(abs(a), abs(b)):
            return f"fresh {one}, committed {other}"
    return None


def main():
    check = "--check" in sys.argv[1:]
    wrong = 0
    for path in paths():
        notebook = normalised(nbformat.read(path, as_version=4)) if check else executed(path)
        if check:
            same = path.read_text("utf-8") == written(notebook)
            wrong += not same
            print(f"{path.name}: {'normal' if same else 'not in normal form'}")
        else:
            path.write_text(written(notebook), "utf-8")
            print(f"{path.name}: executed")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
