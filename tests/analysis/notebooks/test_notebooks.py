"""The notebooks run from top to bottom on a tiny study, and are committed without outputs."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from study.records.folder import StudyFolder

FOLDER = Path(__file__).parents[3] / "analysis" / "notebooks"
NAMES = {"tradeoff": 4, "gamma_decay": 4, "model_inspection": 6, "outliers": 1, "from_a_folder_to_a_reason": 2}
"""And how many pictures each shows."""


def test_these_are_all():
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_committed_without_outputs(name: str):
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert code[0].metadata["tags"] == ["parameters"]


@pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"
)
@pytest.mark.parametrize("name", NAMES)
def test_runs_on_a_tiny_study(name: str, tiny_study: StudyFolder, tiny_registry: Path, data_folder: Path):
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    parameters = next(cell for cell in notebook.cells if cell.cell_type == "code")
    known = {"STUDY": str(tiny_study.path), "REGISTRY": str(tiny_registry), "DATA": str(data_folder)}
    told = [f"{key} = {value!r}" for key, value in known.items() if f"{key} = " in parameters.source]
    parameters.source += "\n" + "\n".join(told)
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}).execute()
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in shown) == NAMES[name]
    assert not [output for output in shown if output.output_type == "error" or output.get("name") == "stderr"]
