"""Draw the README's map of the lessons: `uv run data/make_map.py`, a second."""

from pathlib import Path

import nstlib as nst

FILE = Path(__file__).parents[1] / ".github" / "routes.png"

if __name__ == "__main__":
    figure = nst.routes()
    figure.savefig(FILE, dpi=90, metadata={"Description": figure.alt})  # by which a test sees whether it is up to date
    print(f"{FILE.name}: {figure.alt}")
