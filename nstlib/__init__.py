"""Neural style transfer, to use and to read: `import nstlib as nst`.

The public names stand in `__init__.pyi`, where type checkers and editors look for them, and are read from there. What
a name stands for is imported when it is first asked for (PEP 562), because importing torch takes seconds, which
`nst --help`, the completion of a name and a first cell that only prints versions need not wait for.
"""

import ast
from importlib import import_module
from pathlib import Path

from .about import VERSION as __version__
from .interrupts import loading as _loading

_LINES = ast.parse(Path(__file__).with_name("__init__.pyi").read_text(encoding="utf-8")).body
_HOMES = {name.name: line.module for line in _LINES if isinstance(line, ast.ImportFrom) for name in line.names}
__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        from .errors import nearest

        raise AttributeError(f"nstlib has no '{name}': {nearest(name, __all__)}see dir(nstlib)", name=name)
    home = _HOMES[name]
    with _loading():
        value = getattr(import_module(f".{home}", __name__), name) if home else import_module(f".{name}", __name__)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
