"""Record the runs of the flight recorder into flights.zip: `python data/make_flights.py`, half an hour on two cores.

Started again after an interruption, it goes on with the runs that are missing.
"""

import io
import json
import os
import sys
import zipfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch
from PIL import Image

from nstlib import to_pil
from nstlib.recorder import FRAMES, INDEX, Flight, name_of, points

FILE = Path(__file__).parent / "flights.zip"
MAX_BYTES, QUALITY = 12e6, 64  # the one follows from the other
ENTRY = "run.json"  # beside the pictures of a run, until all are there


def record(settings):
    """Run a point: (its entry in the index, its pictures as PNG by evaluations)."""
    torch.set_num_threads(1)  # two runs side by side are faster than one on two cores, and repeat alike anywhere
    run, pictures = Flight(settings, (), (), ()).transfer(show=False), {}
    for progress in run:
        step = progress.step
        if step.stop or step.evaluations >= FRAMES[len(pictures)]:
            pictures[step.evaluations] = encode(to_pil(step.image), "PNG")
        if step.stop or len(pictures) == len(FRAMES):
            break
    history = [
        [r.iteration, r.evaluations, round(r.seconds, 3), short(r.loss), list(map(short, r.kinds().values()))]
        for r in run.history
    ]
    terms = list(run.history[0].kinds())
    return {"evaluations": list(pictures), "terms": terms, "history": history}, pictures


def short(number):
    return float(f"{number:.4g}")


def encode(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def add_runs(file, chosen, tell=print, over=map):
    """Record those of the chosen points that an archive lacks; `over` maps `record` over them, in order."""
    with zipfile.ZipFile(file, "a") as archive:
        there = set(archive.namelist())
    missing = [settings for settings in chosen if f"{name_of(settings)}/{ENTRY}" not in there]
    for settings, (entry, pictures) in zip(missing, over(record, missing), strict=True):
        with zipfile.ZipFile(file, "a") as archive:
            for count, data in pictures.items():
                archive.writestr(f"{name_of(settings)}/{count}.png", data)
            archive.writestr(f"{name_of(settings)}/{ENTRY}", json.dumps(entry))  # last: it says that all is there
        tell(name_of(settings))


def write(file, chosen, runs):
    """The chosen points out of an archive of `add_runs` as the kit reads them: an index of all, and their pictures."""
    with zipfile.ZipFile(runs) as source, zipfile.ZipFile(file, "w") as archive:
        entries = {name_of(s): json.loads(source.read(f"{name_of(s)}/{ENTRY}")) for s in chosen}
        for name, entry in entries.items():
            for count in entry["evaluations"]:
                image = Image.open(io.BytesIO(source.read(f"{name}/{count}.png")))
                archive.writestr(f"{name}/{count}.jpg", encode(image, "JPEG", quality=QUALITY, optimize=True))
        archive.writestr(INDEX, json.dumps(entries, separators=(",", ":")), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    partial, runs = FILE.with_suffix(".partial"), FILE.with_suffix(".runs")
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        add_runs(runs, list(points()), over=pool.map)
    write(partial, list(points()), runs)
    if partial.stat().st_size > MAX_BYTES:
        sys.exit(f"{partial.stat().st_size / 1e6:.1f} MB are too many: {partial} is left as it is")
    partial.replace(FILE)
    runs.unlink()
