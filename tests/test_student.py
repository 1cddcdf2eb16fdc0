"""The student edition runs from top to bottom though nothing is answered, and every check says so."""

import re

import pytest
from alone import ROOT, run_alone

from nstlib import course

LESSONS = sorted((ROOT / "notebooks" / "student").glob("*.ipynb"))


@pytest.mark.notebooks
@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_runs_alone(path, tmp_path):
    """With an assertion after each exercise that its check is open: neither right, nor wrong, nor an error."""
    notebook = course.read(path)
    checks = [cell for cell in notebook.cells if cell.get("metadata", {}).get("nbgrader", {}).get("grade")]
    assert checks
    for cell in checks:
        verdict = re.sub(r"^\w+ = nst\.mine\(", "nst.check(", cell.source.strip())
        cell.source = f"{cell.source}\nassert ({verdict}).passed is None"
    run_alone(course.written(notebook), path.name, tmp_path)
