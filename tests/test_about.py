"""The version and the address are found in a checkout, in an installed package, and beside somebody else's files."""

import sys
from types import SimpleNamespace

import pytest

from nstlib import about, files

OTHERS = {
    "none": None,
    "empty": "",
    "broken": "no [toml",
    "another project": '[project]\nname = "other"\nversion = "3.2"\nurls.Repository = "https://example.org"\n',
    "another tool": '[tool.poetry]\nname = "other"\n',
}


def test_a_checkout(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "nstlib"\nversion = "9.8"\nurls.Repository = "https://example.org/nstlib"\n'
    )
    monkeypatch.setattr(about, "PYPROJECT", tmp_path / "pyproject.toml")
    assert about.find() == ("9.8", "https://example.org/nstlib")


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)
def test_an_installed_package(tmp_path, monkeypatch, text):
    """Some packages leave a pyproject.toml in site-packages."""
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)
    monkeypatch.setattr(about, "PYPROJECT", tmp_path / "pyproject.toml")
    assert about.find() == (about.VERSION, about.REPOSITORY)


def test_python_310_without_tomli(monkeypatch):
    monkeypatch.setattr(files, "sys", SimpleNamespace(version_info=(3, 10, 0)))
    monkeypatch.setitem(sys.modules, "tomli", None)
    assert about.find() == (about.VERSION, about.REPOSITORY)


def test_what_comes_with_the_kit_lies_inside_an_installed_package_and_beside_a_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(about, "HOUSE", tmp_path / "nstlib")
    assert about.shipped("data") == tmp_path / "data"
    (tmp_path / "nstlib" / "data").mkdir(parents=True)
    assert about.shipped("data") == tmp_path / "nstlib" / "data"
