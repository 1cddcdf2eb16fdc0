"""Lessons as Colab runs them: its Python, torch, ipywidgets and IPython, the kit installed by the first cell.

Every lesson's first cell and imports run, in one kernel for all; two lessons run whole, the first, and one with panels
and exercises. The others do not, because their cells are those that `test_notebooks.py` runs, and each costs minutes.
What is Colab's own and on no package index is not here either: its shell, its front end, a drive, a GPU.
"""

import ast
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from alone import ROOT, run_alone
from nbformat.v4 import new_code_cell, new_notebook

from nstlib import LESSONS
from nstlib.course import notebooks, stamps

PYTHON = "3.13"
TORCH = ("torch==2.11.*", "torch")  # Colab's; where that cannot be had, any
# What Colab has installed (ipywidgets and IPython in its versions), and what this test runs notebooks with.
PACKAGES = (
    *("torchvision", "numpy", "pillow", "matplotlib", "scikit-image", "scikit-learn", "safetensors", "click", "tqdm"),
    *("platformdirs", "psutil", "ipywidgets==7.7.1", "ipython==7.34.0", "ipykernel", "nbval", "pytest"),
)
WHOLE = ("00", "02")
TEXT = {"capture_output": True, "text": True, "check": True}


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
    subprocess.run([uv, "venv", "--quiet", "--seed", "--python", python, place], check=True)
    there = place / "bin" / "python"
    for torch in TORCH:
        pip = [uv, "pip", "install", "--quiet", "--python", there, torch, *PACKAGES]
        installed = subprocess.run(pip, capture_output=True, text=True, check=False)
        if installed.returncode == 0:
            return there
    pytest.skip(f"needs packages of Colab that could not be installed: {installed.stderr.strip()[-300:]}")


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


@pytest.fixture
def bare(colab):
    """Colab's Python on a new day: the kit is not installed."""
    subprocess.run([colab, "-m", "pip", "uninstall", "--quiet", "--yes", "nstlib"], check=True, capture_output=True)
    return colab


def lesson(number, repository):
    """A lesson's notebook as the release `v0` of a repository would have it."""
    notebook = notebooks.read(ROOT / "notebooks" / f"{LESSONS[number].stem}.ipynb")
    notebooks.first_code(notebook).source = stamps.first_cell(number, repository, "v0")
    return notebook


def imports(notebook):
    """The lines by which a notebook imports, wherever they stand."""
    sources = [cell.source.replace("\n%", "\n#%") for cell in notebook.cells if cell.cell_type == "code"]
    nodes = (node for source in sources for node in ast.walk(ast.parse(source)))
    return "\n".join(dict.fromkeys(ast.unparse(n) for n in nodes if isinstance(n, ast.Import | ast.ImportFrom)))


@pytest.mark.notebooks
def test_every_lesson_begins(bare, release, tmp_path):
    """The first of them finds no kit, and installs it for all."""
    cells = []
    for number in LESSONS:
        notebook = lesson(number, release)
        cells += [new_code_cell(source) for source in (notebooks.first_code(notebook).source, imports(notebook))]
    asked = "import IPython, ipywidgets\nprint(nst.__file__, IPython.__version__, ipywidgets.__version__)"
    cells += [new_code_cell(f"{asked}\nassert 'site-packages' in nst.__file__")]
    run_alone(notebooks.written(new_notebook(cells=cells)), "all.ipynb", tmp_path, bare)
    found = subprocess.run([bare, "-c", asked.replace("import", "import nstlib as nst,", 1)], **TEXT, cwd=tmp_path)
    place, *versions = found.stdout.split()
    assert place.startswith(str(bare.parents[1])) and versions == ["7.34.0", "7.7.1"]


@pytest.mark.notebooks
@pytest.mark.parametrize("number", WHOLE)
def test_runs_where_the_kit_is_not_installed(number, bare, release, tmp_path):
    run_alone(notebooks.written(lesson(number, release)), f"{LESSONS[number].stem}.ipynb", tmp_path, bare)


@pytest.mark.notebooks
def test_says_how_to_get_a_kit_that_cannot_be_reached(bare, tmp_path):
    """In Colab's IPython, by a pip that is really run: the sentence, in both cells, and nothing else."""
    first = stamps.first_cell("04", (tmp_path / "nowhere").as_uri(), "v0")
    code = f"""
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for source in ({first!r}, "nst.gram"):
    assert not shell.run_cell(source).success
"""
    found = subprocess.run([bare, "-c", code], **TEXT, cwd=tmp_path)
    once = found.stdout[: len(found.stdout) // 2]
    assert once.startswith("The kit is not here, and file:///") and once.endswith("then run this cell again.\n")
    assert found.stdout == 2 * once and "Error" not in found.stderr
