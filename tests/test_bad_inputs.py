"""Hundreds of bad inputs to the command line: one line each, no traceback, nothing written.

What each message says is tested where its kind is (`test_cli.py`, `test_decode.py`, `test_weights.py`, …). Here the
boundary itself is: whatever somebody gives, the answer has this form. Add a line for every new slip.
"""

import io
import os
import struct
import sys
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import nstlib as nst
from nstlib import cli


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it has this size, and has no pixels."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))


def picture(kind: str, size: tuple[int, int] = (50, 60)) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def value_tiff(value: float) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((60, 50), value, np.float32)).save(file, "TIFF")
    return file.getvalue()


FILES = {
    "empty.png": b"",
    "byte.png": b"\x00",
    "text.jpg": b"hello",
    "page.jpg": b"<html><body>404</body></html>",
    "pointer.png": b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 12\n",
    **{f"half.{kind}": (whole := picture(kind))[: len(whole) // 3] for kind in ("png", "jpeg", "webp", "tiff", "bmp")},
    "huge.png": png_of(200_000, 200_000),
    "none.png": png_of(0, 0),
    "drawing.svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "drawing.png": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "paper.png": b"%PDF-1.4\n",
    "program.jpg": b"%!PS\n{} loop",
    "zip.png": b"PK\x03\x04" + b"0" * 50,
    "zeros.png": bytes(4096),
    "phone.jpg": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200),
    "film.png": b"\x00\x00\x00\x18ftypisom" + bytes(200),
    "array.png": b"\x93NUMPY" + bytes(64),
    "pickle.png": b"\x80\x04\x95" + bytes(64),
    "checksum.png": (whole := picture("png"))[:40] + b"\xff\xff\xff\xff" + whole[44:],
    "dot.png": picture("png", (1, 1)),
    "stamp.png": picture("png", (8, 8)),
    "thread.png": picture("png", (4000, 3)),
    "infinite.tiff": value_tiff(np.inf),
    "nan.tiff": value_tiff(np.nan),
}
ELSEWHERE = (
    *("folder.png", "dangling.png", "loop.png", "pipe.png", "/dev/zero", "/dev/null", "nothing.png", "", "-", "*.png"),
    *("http://127.0.0.1:9/x.png", "file:///etc/passwd", "ftp://x/y.png", "data:image/png;base64,xx", "style"),
    *("\x00.png", "\udcff.png", "~nobody/x.png", "painting/none", "content/none", "kit:none", "a" * 5000),
)
WEIGHTS = {
    "empty.safetensors": b"",
    "text.pth": b"hello",
    "picture.safetensors": picture("png"),
    "head.safetensors": struct.pack("<Q", 2**40) + b"{}",
    "facts.safetensors": struct.pack("<Q", 2) + b"{}",
    "zip.pt": b"PK\x03\x04" + b"0" * 90,
    "graph.onnx": b"\x08\x07",
    "other.safetensors": None,  # a network of somebody else's
}
OUTPUTS = (
    *("", ".", "folder", "new", "new.gif", "new.svg", "new.png.exe", ".png", "folder/", "/", "content.png"),
    *("style.png", "x\x00.png", "new.tiffx", "no/new.png", "/dev/null", "folder.png", "http://x/y.png"),
)
OPTIONS = (
    *("--size 0", "--size 99999999", "--size nan", "--size -5", "--size", "--evaluations 0", "--evaluations 1.5"),
    *("--evaluations 1e99", "--seed -1", "--seed x", "--style-weight inf", "--content-weight nan", "--memory 0"),
    *("--memory -1", "--memory 1e-9", "--device cuda:99", "--device meta", "--precision float8", "--set =3"),
    *("--set x=", "--set style_layers=[]", "--set style_layers=relu9_9", "--style-layers relu1_1=0"),
    *("--style-layers relu1_1=x", "--share -1", "--share nan", "--share 0", "--like none.png", "--like content.png"),
    *(
        "--bounds a,b",
        "--bounds 0",
        "--bounds 2,3",
        "--style-layers relu3_3=1,relu3_3=2",
        "--style-layers relu3_3,",
        "--backbone resnet50",
        "--optimizer sgd",
        "--start none.png",
        "--scales 0",
    ),
    *("--scales 99", "--style-size 0", "--style-scale 0", "--style-scale 65", "--nonsense", "--checkpoint /dev/full"),
    *("--color x", "--color only --start noise", "--guidance sum", "--guidance x", "--mask none.png", "--mask folder"),
    *("--mask rest", "--mask alpha", "--mask half.png", "--mask nan.tiff", "--mask stamp.png", "--mask thread.png"),
    *("--mask clear.png", "--mask content.png --mask content.png", "--style-mask none.png", "--style-mask alpha"),
    *("--style-mask rest", "--own-layers x", "--own-layers relu1_1", "--own-layers ,", "--set masks=none.png"),
    *("--checkpoint ~nobody99/x.pt", "--weights ~nobody99/x.pth"),  # a home that nobody can tell
    *("--checkpoint folder", "--checkpoint no/x.pt", "--smoothness -1", "--rate 0.1", "--recipe x", "--memory 1,5"),
)
OTHERS = (
    *("judge", "judge content.png", "judge content.png style.png none.png", "judge content.png style.png text.jpg"),
    *(
        f"judge content.png style.png content.png {option}"
        for option in ("--size 0", "--network resnet", "--chart content.png", "--chart no/x.png", "--chart x.gif")
    ),
    *("texture", "texture nothing.png -o new.png", "texture style.png -o new.png --size 0"),
    "texture style.png -o new.png --content-weight 1",
    *("show", "show nothing.png", "show content.png", "show folder", "show half.jpeg", "recipes none"),
    *("weights fetch", "weights fetch none", "weights export none -o x.safetensors"),
    *("weights export pocket -o no/x.safetensors", "weights export pocket -o content.png"),
    *("weights export pocket -o x.txt", "weights export pocket -o other.safetensors", "weights export pocket -o ~"),
    *("weights export pocket -o \0.safetensors", f"weights export pocket -o {'a' * 300}.safetensors"),
    *("weights export pocket -o /proc/x.safetensors", "weights export pocket -o ~nobody99/x.safetensors"),
    *("doctor --size 0", "doctor --size -5", "doctor --size x", "doctor --backbone none", "doctor extra"),
    *("lessons content.png", "lessons content.png/x", "lab content.png", "studio content.png"),
    *("lessons \0", f"lessons {'a' * 300}", "lessons ", "stamp \0", "student \0", "key", "key 44", "key 04 05", "key "),
    *("show \0", "show text.jpg", "show folder.png"),
    *("student folder", "student none", "stamp folder", "stamp none", "nonsense", "--nonsense", "stylize"),
)
SWEEPS = (
    *("", "-o new", "-o new --pair content.png", "--pair content.png style.png --grid size=48"),
    *(
        "-o new --grid size=48",
        "-o new --pair content.png style.png",
        "-o new --grid size=48 --pair none.png style.png",
    ),
    *("-o new --grid size=48 --pair content.png half.png", "-o new --grid size=48 --pair - -"),
    *(
        f"-o new --pair content.png style.png --grid {grid}"
        for grid in (
            *("", "=", "size", "size=", "size=;", "size=0", "size=48,48", "size=48,48.0", "size=x", "sise=48"),
            *("device=cpu", "memory=1", "name=a", "optimizer=sgd", "rate=0.1", "size=48 --grid size=64", "recipe=none"),
            *("style_layers=relu1_1,relu9_9", "size=48 --size 48", "bounds=0,1", "size=48 --processes 0"),
            *("size=48 --processes x", "size=48 --nonsense", "size=48 --scheduler nowhere", "size=48 --memory 0"),
            *("size=48 --scheduler tcp://127.0.0.1:x", "size=48 --scheduler tcp://127.0.0.1:1 --processes 2"),
            *("size=48 --scheduler tls://127.0.0.1:9", "size=48 --scheduler tcp://127.0.0.1"),
            *("size=16,48", "size=48 --weights other.safetensors", "size=48 --pair content.png style.png"),
            *("size=48 --memory 1e-6", "size=48 --device cuda:99", "size=48 --start none.png"),
        )
    ),
    *(
        f"--pair content.png style.png --grid size=48 -o {folder}"
        for folder in (
            "folder.png/../folder/../content.png",
            "content.png",
            "content.png/x",
            "table",
            ".",
            "/dev/null",
            "/dev/null/x",
            "a" * 999,
        )
    ),
)
# Names of content.png, and of files that are not there yet.
ALIASES = (
    *("content.png", "./content.png", "folder/../content.png", "here/content.png", "~/content.png"),
    *("content.png/", "soft.png", "hard.png"),
)
OVER_INPUTS = (
    *(f"stylize content.png style.png -o {name}" for name in ALIASES),
    *(f"stylize {name} style.png -o content.png" for name in ALIASES[1:]),
    *(f"stylize style.png {name} -o content.png" for name in ALIASES),
    *(f"stylize style.png half.png -o content.png {option}" for option in ("--mask ~/content.png", "--start soft.png")),
    *(
        f"stylize style.png style.png -o here/content.png {option} ~/content.png"
        for option in ("--style-mask", "--mask")
    ),
    *(f"stylize style.png style.png -o new.png --checkpoint {name}" for name in ("here/new.png", "~/new.png")),
    "stylize content.png style.png -o new.png --checkpoint soft.png",
    *(f"stylize --like painted.png -o {name}" for name in ("painted.png", "here/painted.png", "~/painted.png")),
    *(f"texture {name} -o content.png" for name in ALIASES),
    *(f"onepass {name} style.png -o content.png" for name in ALIASES),
    *(f"onepass style.png content.png -o {name}" for name in ALIASES[1:]),
    *(f"judge {name} style.png style.png --chart content.png" for name in ALIASES),
    *(f"judge style.png style.png style.png content.png --chart {name}" for name in ALIASES),
)
ONE_PASS = (
    *("--size 0", "--size -1", "--size 8", "--size x", "--strength nan", "--strength 2", "--strength x", "--share -1"),
    *("--share nan", "--share 0", "--share 1 --share 2", "--method x", "--color x", "--nonsense", "-o new.gif"),
    *("-o no/new.png", "-o /proc/new.png", "-o content.png", f"-o {'a' * 300}.png"),
)
QUICK = ["-o", "new.png", "--size", "48", "--evaluations", "2", "--device", "cpu", "--quiet"]
TWO = ["stylize", "content.png", "style.png"]
CALLS = [
    *(["stylize", *QUICK, "--", name, "style.png"] for name in (*FILES, *ELSEWHERE)),
    *(["stylize", *QUICK, "--", "content.png", name] for name in ("half.jpeg", "nan.tiff", "clear.png", "folder.png")),
    *([*TWO, *QUICK, option, name] for name in WEIGHTS for option in ("--weights", "--checkpoint")),
    *([*TWO, *QUICK, "-o", name] for name in OUTPUTS),
    *([*TWO, *QUICK, *text.split(" ")] for text in OPTIONS),
    *(text.split(" ") for text in OTHERS),
    *(["sweep", *text.split(" "), "--evaluations", "2"] for text in SWEEPS),
    *([*text.split(" "), "--force"] for text in OVER_INPUTS),
    *(["onepass", "content.png", "style.png", "-o", "new.png", *text.split(" ")] for text in ONE_PASS),
]


@pytest.fixture(scope="module")
def attic(tmp_path_factory):
    """A folder with all of them."""
    folder = tmp_path_factory.mktemp("attic")
    for name in ("content.png", "style.png"):
        (folder / name).write_bytes(picture("png"))
    for name, data in {**FILES, **WEIGHTS}.items():
        if data is not None:
            (folder / name).write_bytes(data)
    save_file({"a": torch.zeros(3)}, folder / "other.safetensors")
    Image.new("RGBA", (50, 50), (0, 0, 0, 0)).save(folder / "clear.png")
    for name in ("folder", "folder.png"):
        (folder / name).mkdir()
    (folder / "dangling.png").symlink_to("nowhere.png")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "soft.png").symlink_to("content.png")
    (folder / "hard.png").hardlink_to(folder / "content.png")
    (folder / "here").symlink_to(".")
    pixels, quick = torch.rand(1, 3, 40, 40), {"size": 40, "evaluations": 2, "weights": "random", "device": "cpu"}
    nst.stylize(pixels, pixels.flip(3), **quick).save(folder / "painted.png")
    (folder / "table").mkdir()
    (folder / "table" / "table.csv").write_text("year,sales\n")
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.png")
    return folder


@pytest.mark.parametrize(
    "arguments", CALLS, ids=lambda a: ascii(" ".join(x[:30] for x in a if x not in QUICK[1:]))[1:-1]
)
def test_a_bad_input_is_one_line_and_nothing_is_written(attic, arguments, monkeypatch, capfd):
    monkeypatch.chdir(attic)
    monkeypatch.setenv("HOME", str(attic))
    monkeypatch.setattr(sys, "argv", ["nst", *arguments])
    before = sorted(map(str, attic.rglob("*")))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    out, err = capfd.readouterr()
    assert ended.value.code == 2 and out == ""
    assert err.startswith("nst: ") and err.count("\n") == 1 and len(err) < 700
    assert sorted(map(str, attic.rglob("*"))) == before


def test_there_are_more_than_a_hundred():
    assert len(CALLS) > 300 and len({tuple(call) for call in CALLS}) == len(CALLS)
