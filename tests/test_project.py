"""What the project promises about itself: imports, order of modules, environment, README."""

import ast
import importlib
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from PIL import Image

import nstlib
from nstlib import LESSONS, cli, lesson
from nstlib.course import stamps

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
HOW = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def run(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=ROOT, check=False)


# --- the public names ----------------------------------------------------------------------------

NAMES = nstlib.__all__


def test_no_module_draws_random_numbers_when_it_is_imported():
    """Else the first use of the kit in a cell would move what the caller seeded before it."""
    code = """
import importlib, pkgutil, random
import numpy as np, torch, nstlib
def states():
    return str((torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()))
before = states()
for module in pkgutil.walk_packages(nstlib.__path__, "nstlib."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
        assert states() == before, module.name
"""
    assert run("-c", code).stderr == ""


def test_importing_is_cheap():
    """The name alone brings no library; using it neither torchvision, nor matplotlib, nor Jupyter."""
    heavy = {"torch", "numpy", "PIL", "torchvision", "matplotlib", "IPython", "jupyterlab", "scipy", "skimage", "click"}
    code = f"import sys, nstlib; print({heavy} & set(sys.modules)); nstlib.stylize; print({heavy} & set(sys.modules))"
    first, then = run("-c", code).stdout.splitlines()
    assert first == "set()" and ast.literal_eval(then) == {"torch", "numpy", "PIL"}


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_its_modules_own(name):
    home = nstlib._HOMES.get(name)
    module = home and importlib.import_module(f"nstlib.{home}")
    value = getattr(nstlib, name)  # afterwards: importing a module binds its name, over a function of that name
    if home:
        assert value is getattr(module, name) and name in module.__all__
    elif name != "__version__":
        assert value is sys.modules[f"nstlib.{name}"]


@pytest.mark.parametrize("name", NAMES)
def test_no_module_may_hide_a_public_name(name):
    modules = {module.name for module in pkgutil.iter_modules(nstlib.__path__)}
    assert name not in modules or nstlib._HOMES[name] is None


def test_public_names_complete_and_appear_once():
    assert dir(nstlib) == sorted(nstlib.__all__) and len(set(nstlib.__all__)) == len(nstlib.__all__)
    assert {"stylize", "plot", "RECIPES", "__version__"} <= set(dir(nstlib))


def test_all_ways_to_a_name_lead_to_it():
    names = {}
    exec(
        "import nstlib as nst\nfrom nstlib import *\nfrom nstlib import gram as same\nimport nstlib.descriptions", names
    )
    assert names["gram"] is names["same"] is nstlib.gram is nstlib.descriptions.gram
    assert set(nstlib.__all__) <= names.keys()


def test_a_misspelt_name_is_answered_with_the_nearest():
    with pytest.raises(AttributeError, match=r"nstlib has no 'stilize': did you mean 'stylize'\?"):
        nstlib.stilize  # noqa: B018
    assert not hasattr(nstlib, "qqq")


def test_the_package_is_a_command():
    assert run("-m", "nstlib", "--version").stdout.startswith("nst, version ")


# --- its code ------------------------------------------------------------------------------------


def test_modules_import_only_from_below():
    result = run("-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")
    assert result.returncode == 0, result.stdout + result.stderr


def test_mypy_is_content():
    result = run("-m", "mypy")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]])
def test_ruff_is_content(command):
    result = run("-m", "ruff", *command, ".")
    assert result.returncode == 0, result.stdout + result.stderr


def test_environment_yml_says_what_pyproject_says():
    conda_names = {"torch": "pytorch"}
    wanted = {f"python{PROJECT['project']['requires-python']}", "pip"}
    project = PROJECT["project"]
    lab, dev = project["optional-dependencies"]["lab"], PROJECT["dependency-groups"]["dev"]
    for requirement in [*project["dependencies"], *lab, *dev]:
        name, bound = re.match(r"([a-zA-Z0-9_-]+)(?:\[\w+\])?([^;\s]*)", requirement).groups()
        if name != "nstlib":
            wanted.add(conda_names.get(name, name) + bound)
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    assert f"`conda activate {environment['name']}`" in (ROOT / "README.md").read_text(encoding="utf-8")
    listed = environment["dependencies"]
    by_pip = next(item["pip"] for item in listed if isinstance(item, dict))  # what conda-forge lacks
    assert {item for item in [*listed, *by_pip] if isinstance(item, str)} - {"-e ."} == wanted


def test_only_lower_bounds():
    """And versions left out, of Pillow, which Colab's is not among."""
    everything = re.findall(
        r'"([a-z-]+)(?:\[\w+\])?([<>=!~][^";]*)', (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    )
    assert everything and all(re.fullmatch(r">=[\d.]+(,!=[\d.*]+)*", bound) for _, bound in everything)


# --- its pages -----------------------------------------------------------------------------------

ADDRESS = PROJECT["project"]["urls"]["Repository"]
PAGES = [
    ROOT / page for page in ("README.md", ".github/CONTRIBUTING.md", "tests/benchmarks/README.md", "nstlib/POCKET.md")
]
COMMANDS = sorted(set(re.findall(r"(?:^|`)(?:uv run )?nst (\w.*?)(?:`|  +#|$)", README + HOW, re.MULTILINE)))


def test_the_map_stands_in_the_order_of_imports():
    (contract,) = PROJECT["tool"]["importlinter"]["contracts"]
    rows = re.findall(r"^\| `(\w+)(?:\.py|/)` \|", HOW, re.MULTILINE)
    assert rows == contract["layers"][::-1]


def test_the_map_is_the_modules_own_first_lines():
    rows = dict(re.findall(r"^\| `(\w+(?:\.py|/))` \| (.+) \|$", HOW, re.MULTILINE))
    files = {path.name: path for path in (ROOT / "nstlib").glob("*.py") if path.name != "__init__.py"}
    files |= {f"{path.parent.name}/": path for path in (ROOT / "nstlib").glob("*/__init__.py")}
    modules = {name: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) for name, path in files.items()}
    assert rows == {name: " ".join(text.split("\n\n")[0].split()).rstrip(".") for name, text in modules.items()}


def test_the_readme_lists_the_lessons():
    rows = re.findall(r"^\| \[(\w+) ([^\]]+)\]\(notebooks/(\w+)\.ipynb\) \| (\d+) \|", README, re.MULTILINE)
    assert rows == [(row.number, row.title, row.stem, str(row.minutes)) for row in LESSONS.values()]


def test_the_readmes_map_is_of_these_lessons():
    with Image.open(ROOT / ".github" / "routes.png") as image:
        assert image.text["Description"] == nstlib.routes().alt, "run: uv run data/make_map.py"
    assert "](.github/routes.png)" in README


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_pages_exists(command):
    words = command.split()
    shown = CliRunner().invoke(cli.nst, [*words[: 2 if words[0] == "weights" else 1], "--help"])
    assert shown.exit_code == 0, shown.output
    for option in (word for word in words if word.startswith("-")):
        assert re.search(rf"(?<![\w-]){option}(?![\w-])", shown.output), f"no option {option}"
    for path in (word for word in words if word.startswith("data/")):
        assert (ROOT / path).is_file(), path


def test_the_options_that_the_readme_names_exist():
    shown = "".join(
        CliRunner().invoke(cli.nst, [name, "--help"]).output
        for name in ("stylize", "sweep", "doctor", "judge", "student", "studio")
    )
    named = set(re.findall(r"`(--[a-z-]+)", README))
    assert named and all(re.search(rf"{option}(?![\w-])", shown) for option in named)


def test_the_readme_tells_of_every_command():
    told = {tuple(command.split()) for command in COMMANDS if f"nst {command}" in README}
    for name, command in cli.nst.commands.items():
        for words in [(name, inner) for inner in getattr(command, "commands", ())] or [(name,)]:
            assert any(known[: len(words)] == words for known in told), f"nst {' '.join(words)}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_repository_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert targets and all((page.parent / target).exists() for target in targets), targets


def test_there_is_one_address():
    pages = [ROOT / "CITATION.cff", ROOT / "pyproject.toml", *PAGES]
    owner = ADDRESS.removeprefix("https://github.com/")
    found = re.findall(
        r"(https://(?:github\.com|colab\.research\.google\.com/github)/(?!you/)[\w./-]*)",
        "".join(page.read_text(encoding="utf-8") for page in pages),
    )
    assert len(found) >= 6 and all(re.search(rf"/{owner}(/|$)", address) for address in found), found
    assert f"git clone {ADDRESS}\n" in README
    assert stamps.badge(f"{LESSONS['00'].stem}.ipynb") in README, "run nst stamp"


def test_the_citation_can_be_read():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(cited) and cited["repository-code"] == ADDRESS
    assert " AND ".join(cited["license"]) == PROJECT["project"]["license"]


def test_the_top_level_stays_small():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("needs a checkout of git")
    names = {line.split("/")[0].strip('"') for line in listed.stdout.splitlines()}
    files = {"README.md", "LICENSE", "CITATION.cff", "pyproject.toml", "environment.yml"}
    assert {name for name in names if not name.startswith(".")} == files | {"notebooks", "nstlib", "tests", "data"}


def test_the_embedded_network_is_small():
    assert (ROOT / "nstlib" / "pocket.safetensors").stat().st_size <= 3_000_000


# --- with less around it -------------------------------------------------------------------------

EXTRAS = PROJECT["project"]["optional-dependencies"]
GROUPS = (PROJECT["project"]["dependencies"], *EXTRAS.values(), PROJECT["dependency-groups"]["dev"])
PACKAGES = {re.split(r"[^\w-]", requirement)[0]: requirement for group in GROUPS for requirement in group}


@pytest.mark.parametrize("path", sorted((ROOT / "nstlib").rglob("*.py")), ids=lambda path: path.stem)
def test_what_the_kit_says_to_install_is_to_be_had(path):
    """By name, each from the index: an extra of the kit is there only where the kit itself was installed."""
    told = re.findall(r"(?<!%)pip install ([^\"{]*)", path.read_text(encoding="utf-8"))
    assert set(" ".join(told).replace(")", "").split()) <= PACKAGES.keys() - {"nstlib"}


def test_whoever_lacks_a_lab_is_told_all_of_it():
    assert sorted(lesson.LAB.split()) == sorted(name for name in PACKAGES if PACKAGES[name] in EXTRAS["lab"])


# What the library can do without, each alone and all of them.
OPTIONAL = (
    "psutil",
    "safetensors",
    "torchvision",
    "platformdirs",
    "tqdm",
    "click",
    "tomli",
    "matplotlib",
    "ipywidgets",
)


@pytest.mark.slow
@pytest.mark.parametrize("missing", [*((name,) for name in OPTIONAL), OPTIONAL], ids=lambda names: "+".join(names))
def test_works_without(missing, tmp_path):
    """`None` in sys.modules makes an import fail as if nothing of this name were installed."""
    code = f"""
import sys
sys.modules.update(dict.fromkeys({missing}))
import nstlib as nst
picture = nst.load_image("content/harbour", 48)
nst.load_backbone("pocket")
result = nst.stylize(picture, "style/mosaic", size=48, evaluations=2, device="cpu", show=True)
result.save("out.png")
print(tuple(result.image.shape), nst.read_metadata("out.png").keys())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr[-600:]
    assert done.stdout.startswith("(1, 3, ") and (tmp_path / "out.png").is_file()
    assert done.stderr.count("no bar is shown: for more, pip install tqdm") == ("tqdm" in missing)


@pytest.mark.slow
@pytest.mark.parametrize("parts", [("nstlib", "data", "notebooks", "pyproject.toml"), ("nstlib",)], ids=len)
def test_works_without_being_installed(parts, tmp_path):
    """On sys.path alone: a checkout has its version, address, pictures and lessons, the bare folder still paints."""
    for name in parts:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    code = f"""
import importlib.metadata, sys
sys.path.insert(0, {str(tmp_path)!r})
def metadata(name):
    raise importlib.metadata.PackageNotFoundError(name)
importlib.metadata.metadata = metadata
import torch
import nstlib as nst
from nstlib.about import REPOSITORY
from nstlib.lesson import NOTEBOOKS
assert nst.__file__.startswith({str(tmp_path)!r})
nst.stylize(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32), size=32, evaluations=1, device="cpu")
print(nst.__version__, REPOSITORY, "style/mosaic" in nst.assets(), NOTEBOOKS.is_dir())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    whole = f"{PROJECT['project']['version']} {ADDRESS} True True"
    assert done.stdout.strip() == (whole if len(parts) > 1 else "0+unknown  False False"), done.stderr[-600:]
