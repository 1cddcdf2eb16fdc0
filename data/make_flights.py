"""Record the runs of the flight recorder into flights.zip: `python data/make_flights.py`, half an hour on two cores.

They are a sweep, which goes on where it was left when this is started again.
"""

import io
import json
import shutil
import sys
import zipfile
from pathlib import Path

import torch
from PIL import Image

from nstlib import sweep
from nstlib.pool import cores
from nstlib.recorder import BASE, EVERYWHERE, FRAMES, GRID, INDEX, PAIRS, name_of, points

FILE = Path(__file__).parent / "flights.zip"
MAX_BYTES, QUALITY = 12e6, 64  # the one follows from the other


def record(folder, pairs=PAIRS, grid=GRID):
    """Run all points, in the order of `points`, into a folder; what is there is not run again."""
    torch.set_num_threads(1)  # two runs side by side are faster than one on two cores, and repeat alike anywhere
    where = {"folder": folder, "processes": cores(), "frames": FRAMES, "device": "cpu"}
    return sweep(grid, [*pairs.values()], recipe=BASE, **where, **EVERYWHERE)


def short(number):
    return float(f"{number:.4g}")


def entry(point):
    """A point's line of the index."""
    history = [
        [r.iteration, r.evaluations, round(r.seconds, 3), short(r.loss), list(map(short, r.terms.values()))]
        for r in point.history
    ]
    return {"evaluations": [*point.frames], "terms": [*point.history[0].terms], "history": history}


def write(file, found, chosen):
    """The points of a sweep, whose settings are chosen in the same order, as the kit reads them."""
    index = {}
    with zipfile.ZipFile(file, "w") as archive:
        for settings, point in zip(chosen, found.points, strict=True):
            index[name_of(settings)] = entry(point)
            for count, path in point.frames.items():
                out = io.BytesIO()
                Image.open(path).save(out, "JPEG", quality=QUALITY, optimize=True)
                archive.writestr(f"{name_of(settings)}/{count}.jpg", out.getvalue())
        archive.writestr(INDEX, json.dumps(index, separators=(",", ":")), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    partial, runs = FILE.with_suffix(".partial"), FILE.with_suffix(".runs")
    found = record(runs)
    if found.failures:
        sys.exit(repr(found))
    write(partial, found, points())
    if partial.stat().st_size > MAX_BYTES:
        sys.exit(f"{partial.stat().st_size / 1e6:.1f} MB are too many: {partial} is left as it is")
    partial.replace(FILE)
    shutil.rmtree(runs)
