"""The command line `nst` → calls of the above.

Every default, help text and rule is read from the library: the fields of a recipe and of the settings, the networks.
A mistake is one line on standard error and exit status 2; nothing is written then. The library, and PyTorch with it,
is imported by the command that needs it, so that `nst --help` answers at once.
"""

from .program import main, nst

__all__ = ["main", "nst"]
