"""The wheel, built and unpacked where nothing else of the kit is: it holds what a learner needs, and works alone."""

import email
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from alone import ROOT, run_alone

from nstlib import LESSONS
from nstlib.about import REPOSITORY, VERSION

pytestmark = pytest.mark.slow
MAX_BYTES = 40_000_000  # 12 MB of recorded runs, and at most 20 lessons with their figures


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built as for a release: a source distribution, and a wheel from that."""
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("needs uv, which is not here")
    out = tmp_path_factory.mktemp("dist")
    built = subprocess.run([uv, "build", "--quiet", "-o", out, ROOT], capture_output=True, text=True, check=False)
    if "Failed to resolve requirements from `build-system.requires`" in built.stderr:
        pytest.skip("needs a package index for what builds a wheel")
    assert built.returncode == 0, built.stderr
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def unpacked(wheel, tmp_path_factory):
    """The folder that a pip would put on the path."""
    place = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(place)
    return place


@pytest.fixture
def alone(unpacked, tmp_path, monkeypatch):
    """Runs a module or code in an empty folder, with the wheel before the checkout on the path."""
    monkeypatch.setenv("PYTHONPATH", str(unpacked))

    def run(*command: str) -> str:
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-1000:]
        return done.stdout

    return run


def test_holds_the_library_the_pictures_and_the_lessons(unpacked):
    def tracked(folder: str) -> set[Path]:
        listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", folder], cwd=ROOT, capture_output=True)
        if listed.returncode:
            pytest.skip("needs a checkout of git")
        names = [name for name in listed.stdout.decode().splitlines() if (ROOT / name).is_file()]
        return {Path(name).relative_to(folder) for name in names}

    here = {path.relative_to(unpacked / "nstlib") for path in (unpacked / "nstlib").rglob("*") if path.is_file()}
    data = {Path("data") / path for path in tracked("data") if path.suffix != ".py"}
    notebooks = {Path("notebooks") / path for path in tracked("notebooks") if path.suffix in (".ipynb", ".md")}
    assert len(data) > 10 and len(notebooks) >= 2 * len(LESSONS)
    assert here == tracked("nstlib") | data | notebooks


def test_is_not_too_large(wheel):
    assert wheel.stat().st_size <= MAX_BYTES


def test_says_what_it_is(unpacked):
    facts = email.message_from_string(next(unpacked.glob("*.dist-info/METADATA")).read_text(encoding="utf-8"))
    assert facts["Author"] == "the nstlib authors" and facts["Keywords"] and facts["Version"] == VERSION
    assert {"Framework :: Jupyter", "Typing :: Typed"} <= set(facts.get_all("Classifier"))
    assert f"Repository, {REPOSITORY}" in facts.get_all("Project-URL")
    page = facts.get_payload()
    links = re.findall(r"\]\(([^)]*)\)", page)
    assert len(links) > 10 and all(link.startswith("https://") for link in links)
    ours = [link.removeprefix(REPOSITORY) for link in links if link.startswith(REPOSITORY)]
    assert f"/raw/v{VERSION}/.github/hero.jpg" in ours and f"/blob/v{VERSION}/LICENSE" in ours
    assert all((ROOT / link.split(f"/v{VERSION}/")[1]).is_file() for link in ours)


def test_knows_itself_and_its_pictures(alone, unpacked):
    code = "import nstlib; from nstlib.about import *; print(nstlib.__file__, VERSION, REPOSITORY, *nstlib.assets())"
    place, version, address, *names = alone("-c", code).split()
    assert place.startswith(str(unpacked)) and (version, address) == (VERSION, REPOSITORY)
    assert {"content/harbour", "style/mosaic", "painting/great_wave"} <= set(names)


def test_answers_as_a_command(alone):
    assert alone("-m", "nstlib", "--version").split()[-1] == VERSION


def test_writes_its_lessons(alone, tmp_path):
    alone("-c", "from nstlib.lesson import write_lessons; write_lessons('mine')")
    for row in LESSONS.values():
        assert (tmp_path / "mine" / f"{row.stem}.ipynb").read_bytes() == (
            ROOT / "notebooks" / f"{row.stem}.ipynb"
        ).read_bytes()
        assert (tmp_path / "mine" / "student" / f"{row.stem}.ipynb").is_file()


@pytest.mark.notebooks
def test_a_lesson_runs_with_nothing_but_the_wheel(unpacked, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(unpacked))
    lesson = unpacked / "nstlib" / "notebooks" / f"{LESSONS['02'].stem}.ipynb"
    run_alone(lesson.read_text(encoding="utf-8"), lesson.name, tmp_path)
