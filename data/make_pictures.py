"""Paint the pictures of this folder: `python data/make_pictures.py [NAME ...]`, all of them without a name."""

import argparse
import time
import zlib
from pathlib import Path

import make_content
import make_style
import numpy as np
from PIL import Image

HERE = Path(__file__).parent
FOLDERS = {"content": (make_content.PAINTERS, 768), "style": (make_style.PAINTERS, 640)}


def paint(folder, name, painter, side):
    """Run one painter with the seed that belongs to its name and save the picture, `side` pixels on its long side."""
    start = time.perf_counter()
    picture = painter(np.random.default_rng(zlib.crc32(name.encode())))
    image = Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))
    scale = side / max(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.LANCZOS)
    path = HERE / folder / f"{name}.jpg"
    image.save(path, quality=90, optimize=True)
    print(f"{path.relative_to(HERE)}  {image.width}x{image.height}  {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    known = [name for painters, _ in FOLDERS.values() for name in painters]
    parser = argparse.ArgumentParser(description="Paint the pictures of this folder, some minutes for all of them.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which; all by default: {', '.join(known)}")
    wanted = parser.parse_args().names
    if unknown := set(wanted) - set(known):
        parser.error(f"no painter called {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    for folder, (painters, side) in FOLDERS.items():
        for name, painter in painters.items():
            if not wanted or name in wanted:
                paint(folder, name, painter, side)
