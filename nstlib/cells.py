"""The text of a notebook's cell → the Python that IPython makes of it; whether it changes the kit or ends Python."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Collection, Iterable
from contextlib import suppress
from itertools import takewhile

__all__ = ["changes_kit", "ends_python", "kit_names", "names_given", "parsed"]

KIT = ("nst", "nstlib")  # by which the lessons' checks call it
MAGIC = re.compile(r"^([ \t]*)[%!].*$", re.MULTILINE)
OF_PYTHON = re.compile(r"\A(\s*)%%(?:capture|prun|time|timeit)\b.*")  # what stands below such a line is Python
REACHING = ("getattr", "__import__", "import_module")  # calls that give the kit, or a part of it
SETTING = ("setattr", "delattr", "__setattr__", "__delattr__", "patch", "object", "vars")  # "object" is patch.object
ENDING = {"exit", "quit"}  # a notebook's own end its kernel; sys.exit does not


def parsed(source: str) -> ast.Module:
    """The syntax tree of a cell, its lines counted as in the cell.

    Args:
        source: its text, with the signs that only notebooks know: `%`, `!` and `?`.

    Raises:
        SyntaxError: it is no Python.
        ValueError: nor a text that Python reads.
        RuntimeError: it is nested too deep, or has too many of those signs.
        MemoryError: it is nested deeper still.
    """
    source = OF_PYTHON.sub(r"\1", source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of backslashes and the like, which whoever wrote them sees
        for text in (source, without_magics(source)):  # both are soon tried, IPython reads a cell for each of its signs
            with suppress(SyntaxError):
                return tree_of(text)
        return tree_of(as_python(source))


def tree_of(text: str) -> ast.Module:
    """The syntax tree of Python that a notebook would run: `return` outside of a function is none, `await` there is.

    Args:
        text: the Python.

    Raises:
        SyntaxError: it is none; as for the others of `parsed`.
    """
    tree = ast.parse(text)
    compile(tree, "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    return tree


def without_magics(source: str) -> str:
    """A cell's text with `pass` for each line that is not Python's.

    Args:
        source: the text.
    """
    return MAGIC.sub(r"\1pass", source)


def as_python(source: str) -> str:
    """What IPython makes of a cell's text before Python reads it.

    Args:
        source: the text.
    """
    try:
        from IPython.core.inputtransformer2 import TransformerManager
    except ImportError:  # the notebooks of others can be read without
        return without_magics(source)
    dropped = takewhile(str.isspace, source.splitlines(keepends=True))
    return "".join(dropped) + TransformerManager().transform_cell(source)


def kit_names(trees: Iterable[ast.Module]) -> set[str]:
    """The names by which cells call the kit, or a part of it.

    Args:
        trees: of the cells, in their order.

    >>> sorted(kit_names([ast.parse("import nstlib as n; from nstlib import style; m = n.loss")]))
    ['m', 'n', 'nst', 'nstlib', 'style']
    """
    names = set(KIT)
    for node in (node for tree in trees for node in ast.walk(tree)):
        match node:
            case ast.Import(names=imported):
                names.update(one.asname for one in imported if one.asname and of_kit(one.name))
            case ast.ImportFrom(module=str(module), names=imported) if of_kit(module):
                names.update(one.asname or one.name for one in imported)
            case ast.Assign(targets=targets, value=value) if reaches(value, names):
                names.update(target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name), value=value) if reaches(value, names):
                names.add(name)
            case ast.NamedExpr(target=ast.Name(id=name), value=value) if reaches(value, names):
                names.add(name)
    return names


def of_kit(name: str) -> bool:
    """Whether a dotted name begins with the kit's."""
    return name.partition(".")[0] in KIT


def reaches(node: ast.AST | None, names: Collection[str]) -> bool:
    """Whether an expression is the kit or a part of it, as far as its text says.

    Args:
        node: of the expression.
        names: of the kit.
    """
    while True:
        match node:
            case ast.Attribute(value=inner) | ast.Subscript(value=inner) | ast.NamedExpr(value=inner):
                node = inner
            case ast.Call(func=function, args=[inner, *_]) if called(function) in REACHING:
                node = inner
            case ast.Constant(value=str(name)):
                return of_kit(name)
            case ast.Name(id=name):
                return name in names
            case _:
                return False


def called(function: ast.expr) -> str:
    """The last part of a function's name, or nothing."""
    return getattr(function, "attr", getattr(function, "id", ""))


def changes_kit(tree: ast.Module, names: Collection[str]) -> bool:
    """Whether a cell puts something of its own into the kit, or in its place.

    Args:
        tree: of the cell.
        names: by which the notebook calls the kit.

    >>> [changes_kit(ast.parse(text), {"nst"}) for text in ("nst.check = print", "class nst: 0", "nst.check(1)")]
    [True, True, False]
    """
    return any(is_change(node, names) for node in ast.walk(tree))


def is_change(node: ast.AST, names: Collection[str]) -> bool:
    """Whether one node of a cell's tree does.

    Args:
        node: of the tree.
        names: of the kit.
    """
    match node:
        case ast.Subscript(ctx=ast.Store() | ast.Del(), slice=ast.Constant(value=key)) if key in KIT:
            return True  # globals()["nst"]
        case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
            return reaches(node.value, names)
        case ast.Attribute(attr="__dict__", value=inner):
            return reaches(inner, names)
        case ast.Call(func=function, args=[first, *_]):
            return called(function) in SETTING and reaches(first, names)
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()):
            return name in KIT
        case ast.Import(names=imported):
            return any(one.asname in KIT and one.name != "nstlib" for one in imported)
        case ast.ImportFrom(names=imported):
            return any((one.asname or one.name) in KIT for one in imported)
        case ast.alias():  # seen with the import
            return False
    return getattr(node, "name", None) in KIT  # a class, a function, what an error or a pattern is called


def names_given(tree: ast.AST) -> set[str]:
    """The names that a cell gives a meaning of its own, anywhere in it.

    Args:
        tree: of the cell.

    >>> sorted(names_given(ast.parse("import nstlib as nst; from sys import exit; x = y; f = lambda z: z")))
    ['exit', 'f', 'nst', 'x', 'z']
    """
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.alias(name=name, asname=asname):
                names.add(asname or name.partition(".")[0])
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
    return names


def ends_python(tree: ast.Module, own: Collection[str]) -> bool:
    """Whether a cell calls `exit` or `quit`, or is nothing but one of these names, which a notebook calls then.

    Args:
        tree: of the cell.
        own: names that the notebook gives a meaning of its own.

    >>> [ends_python(ast.parse(text), {"exit"}) for text in ("quit", "exit()", "def f(): quit()", "way.quit()")]
    [True, False, True, False]
    """
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    match tree.body:
        case [ast.Expr(value=alone)]:
            called.append(alone)
    return any(isinstance(name, ast.Name) and name.id in ENDING.difference(own) for name in called)
