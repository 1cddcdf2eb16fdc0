"""Record the runs of the flight recorder into flights.zip: `python data/make_flights.py`, some ten minutes."""

import io
import json
import sys
import zipfile
from pathlib import Path

from nstlib import to_pil
from nstlib.recorder import FRAMES, INDEX, Flight, name_of, points

FILE = Path(__file__).parent / "flights.zip"
MAX_BYTES = 12e6


def record(settings):
    """Run a point: (its entry in the index, its pictures as JPEG by evaluations)."""
    run, pictures = Flight(settings, (), (), ()).transfer(show=False), {}
    for progress in run:
        step = progress.step
        if step.stop or step.evaluations >= FRAMES[len(pictures)]:
            pictures[step.evaluations] = encode(step.image)
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


def encode(image):
    out = io.BytesIO()
    to_pil(image).save(out, "JPEG", quality=80, optimize=True)
    return out.getvalue()


def write(file, chosen, tell=print):
    """Record the chosen points into an archive, a path or an open file."""
    entries = {}
    with zipfile.ZipFile(file, "w") as archive:
        for settings in chosen:
            name = name_of(settings)
            entries[name], pictures = record(settings)
            for count, data in pictures.items():
                archive.writestr(f"{name}/{count}.jpg", data)
            tell(name)
        archive.writestr(INDEX, json.dumps(entries, separators=(",", ":")), zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    partial = FILE.with_suffix(".partial")
    write(partial, points())
    if partial.stat().st_size > MAX_BYTES:
        sys.exit(f"{partial.stat().st_size / 1e6:.1f} MB are too many: {partial} is left as it is")
    partial.replace(FILE)
