"""The notebook runs from its first to its last cell, and shows what it promises."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("ipykernel")
nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def texts(cell) -> str:
    return "".join(each.get("text", "") for each in cell["outputs"])


@pytest.mark.filterwarnings("ignore")
def test_the_notebook_runs(tmp_path: Path) -> None:
    (path,) = NOTEBOOKS
    notebook = nbformat.read(path, as_version=4)
    assert [cell for cell in notebook.cells if cell.get("outputs")] == [], (
        "it is kept without outputs"
    )
    client = nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert "image/png" in cells[1]["outputs"][0]["data"]
    said = "\n".join(map(texts, cells))
    assert "window 40,200,linear" in said
    assert "pixel spacing (0.5, 0.5) mm, position (0.0, 0.0, 3.0) mm" in said
    assert "12 pictures, 0 failures" in said
    assert "12 samples in ['000000.tar']" in said
