"""Lessons as Colab runs them: its Python and ipywidgets, the notebook alone, the kit installed by the first cell."""

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from alone import ROOT, run_alone

from nstlib import LESSONS, course

PYTHON = "3.13"
# What Colab has installed (ipywidgets and IPython in its versions), and what this test runs notebooks with.
PACKAGES = (
    *("torch", "torchvision", "numpy", "pillow", "matplotlib", "safetensors", "click", "tqdm", "platformdirs"),
    *("psutil", "ipywidgets==7.7.1", "ipython==7.34.0", "ipykernel", "nbval", "pytest"),
)


def find_python() -> str | None:
    """A Python of Colab's version, on the path or kept by pyenv."""
    pyenv, kept = shutil.which("pyenv"), []
    if pyenv:
        root = subprocess.run([pyenv, "root"], capture_output=True, text=True, check=False).stdout.strip()
        kept = sorted(Path(root).glob(f"versions/{PYTHON}.*/bin/python"))
    for python in (shutil.which(f"python{PYTHON}"), *map(str, kept)):
        if python and subprocess.run([python, "--version"], capture_output=True, check=False).returncode == 0:
            return python
    return None


@pytest.fixture(scope="module")
def colab(tmp_path_factory):
    """The Python of an environment like Colab's, without the kit."""
    uv, python = shutil.which("uv"), find_python()
    if not (uv and python):
        pytest.skip(f"needs uv and Python {PYTHON}, which are not here")
    place = tmp_path_factory.mktemp("colab") / "env"
    made = subprocess.run([uv, "venv", "--quiet", "--seed", "--python", python, place], check=False)
    there = place / "bin" / "python"
    installed = subprocess.run(
        [uv, "pip", "install", "--quiet", "--python", there, *PACKAGES], capture_output=True, text=True, check=False
    )
    if made.returncode or installed.returncode:
        pytest.skip(f"needs packages of Colab that could not be installed: {installed.stderr.strip()[-300:]}")
    return there


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """The address of a repository in a folder, whose release holds the files as they are now."""
    repository = tmp_path_factory.mktemp("repository")
    archive = repository / "archive" / "refs" / "tags" / "v0.zip"
    archive.parent.mkdir(parents=True)
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    with zipfile.ZipFile(archive, "w") as made:
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file():
                made.write(ROOT / name, f"nst-course-0/{name}")
    return repository.as_uri()


@pytest.mark.notebooks
@pytest.mark.parametrize("lesson", ["00", "04"])
def test_runs_where_the_kit_is_not_installed(lesson, colab, release, tmp_path):
    row = LESSONS[lesson]
    notebook = course.read(ROOT / "notebooks" / f"{row.stem}.ipynb")
    course.first_code(notebook).source = course.first_cell(lesson, release, "v0")
    subprocess.run([colab, "-m", "pip", "uninstall", "--quiet", "--yes", "nstlib"], check=True, capture_output=True)
    run_alone(course.written(notebook), f"{row.stem}.ipynb", tmp_path, colab)
    asked = "import nstlib, ipywidgets; print(nstlib.__file__, ipywidgets.__version__)"
    found = subprocess.run([colab, "-c", asked], capture_output=True, text=True, check=True, cwd=tmp_path).stdout
    assert str(colab.parents[1]) in found and found.split()[-1] == "7.7.1"
