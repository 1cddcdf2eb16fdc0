"""What the project promises about itself: imports, order of modules, environment, README."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from nstlib import LESSONS, cli

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def run(*command: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, cwd=ROOT, check=False)


def test_importing_is_cheap():
    """Not torchvision, matplotlib or Jupyter, and no network is built."""
    code = (
        "import sys, nstlib; heavy = {'torchvision', 'matplotlib', 'IPython', 'jupyterlab', 'scipy', 'skimage'};"
        "print(heavy & set(sys.modules))"
    )
    assert run("-c", code).stdout.strip() == "set()"


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
    listed = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert {item for item in listed if isinstance(item, str)} == wanted


def test_only_lower_bounds():
    everything = re.findall(
        r'"([a-z-]+)(?:\[\w+\])?([<>=!~][^";]*)', (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    )
    assert everything and all(bound.startswith(">=") and "," not in bound for _, bound in everything)


def test_the_readmes_map_is_the_modules_own_first_lines():
    rows = dict(re.findall(r"^\| `(\w+(?:\.py|/))` \| (.+) \|$", README, re.MULTILINE))
    files = {path.name: path for path in (ROOT / "nstlib").glob("*.py") if path.name != "__init__.py"}
    files |= {f"{path.parent.name}/": path for path in (ROOT / "nstlib").glob("*/__init__.py")}
    modules = {name: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) for name, path in files.items()}
    assert rows == {name: " ".join(text.split("\n\n")[0].split()).rstrip(".") for name, text in modules.items()}


def test_the_readme_lists_the_lessons():
    rows = re.findall(r"^\| \[(\w+) ([^\]]+)\]\(notebooks/(\w+)\.ipynb\) \| (\d+) \|", README, re.MULTILINE)
    assert rows == [(row.number, row.title, row.stem, str(row.minutes)) for row in LESSONS.values()]


def test_the_readmes_commands_exist():
    commands = re.findall(r"^(?:uv run )?nst (.+)$", README, re.MULTILINE)
    assert commands
    for command in commands:
        words = command.split()
        depth = 2 if words[0] == "weights" else 1
        shown = CliRunner().invoke(cli.nst, [*words[:depth], "--help"])
        assert shown.exit_code == 0, command
        for option in (w for w in words if w.startswith("--")):
            assert option in shown.output, f"{command}: no option {option}"


def test_the_readme_tells_of_every_command():
    for name in cli.nst.commands:
        assert f"nst {name}" in README


def test_the_embedded_network_is_small():
    assert (ROOT / "nstlib" / "pocket.safetensors").stat().st_size <= 3_000_000
