"""A path, an address or a name → the file of a picture: the kit's own, other libraries', paintings to download.

Nothing is decoded here but a painting that was just downloaded: only a picture may stay in the cache.
"""

from __future__ import annotations

import difflib
import http.client
import importlib.util
import os
import queue
import stat
import time
import urllib.request
import warnings
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit, urlunsplit

from .about import REPOSITORY, cache, shipped
from .decode import SUFFIXES, decode
from .errors import InputError, one_line, one_of
from .files import is_readable, read_toml, write_whole

__all__ = ["DATA", "FORMATS", "PHOTOS", "asset", "assets", "fetch", "file_of", "is_known", "read_picture", "shown"]

MAX_BYTES = 50_000_000  # of a download
MAX_FILE_BYTES = 1_000_000_000  # of a file: as much as the largest picture that is decoded may need
TIMEOUT_S = 20.0  # of a download; a silence of half as long ends it too
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}  # of the kit's pictures and of results
PHOTOS = {  # name: library, file inside it, name on the package index
    "photo/cat": ("skimage", "data/chelsea.png", "scikit-image"),
    "photo/coffee": ("skimage", "data/coffee.png", "scikit-image"),
    "photo/rocket": ("skimage", "data/rocket.jpg", "scikit-image"),
    "photo/temple": ("sklearn", "datasets/images/china.jpg", "scikit-learn"),
    "photo/flower": ("sklearn", "datasets/images/flower.jpg", "scikit-learn"),
    "photo/portrait": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg", "matplotlib"),
}
COMMONS = "https://commons.wikimedia.org/wiki/Special:FilePath/"
DATA = shipped("data")


# --- names ---------------------------------------------------------------------------------------


def assets() -> list[str]:
    """The names of all pictures that `asset` finds: in the kit, of other libraries, paintings to download."""
    files = (file for kind in ("content", "style") for file in sorted((DATA / kind).glob("*")))
    names = [f"{file.parent.name}/{file.stem}" for file in files if file.suffix.lower() in FORMATS] + list(PHOTOS)
    with suppress(InputError):  # without a parser for the catalogue, all other names are still good
        names += [f"painting/{slug}" for slug in paintings()]
    return names


def asset(name: str) -> Path:
    """The file of a picture out of `assets()`; a painting is downloaded once, from Wikimedia Commons.

    Args:
        name: such as "content/harbour", "style/mosaic", "photo/cat" or "painting/great_wave".

    Raises:
        InputError: an unknown name, a library that is not installed, or a network that cannot be reached.
    """
    catalogue = paintings() if is_painting(str(name).strip()) else {}
    name = one_of("picture", name, assets())
    kind, _, stem = name.partition("/")
    if kind == "painting":
        return painting(name, catalogue[stem]["file"])
    if name in PHOTOS:
        return photo(name)
    return next(file for file in (DATA / kind).glob(f"{stem}.*") if file.suffix.lower() in FORMATS)


def photo(name: str) -> Path:
    """The file of a photograph that another library brings."""
    module, inside, library = PHOTOS[name]
    spec = importlib.util.find_spec(module)
    file = Path(spec.origin or "").parent / inside if spec else None
    if file is None or not file.is_file():
        raise InputError(f"'{name}' comes with {library}, which is not installed: pip install {library}")
    return file


def is_painting(text: str) -> bool:
    """Whether a text names a painting, in the catalogue or not, rather than a file in a folder of that name."""
    return str(text).startswith("painting/") and not Path(text).suffix


def paintings() -> dict[str, dict[str, Any]]:
    """The catalogue of paintings by slug; every entry names its `file` on Wikimedia Commons."""
    catalogue = DATA / "paintings.toml"
    entries = read_toml(catalogue) if catalogue.is_file() else {}
    return {slug: entry for slug, entry in entries.items() if isinstance(entry, dict) and "file" in entry}


def painting(name: str, file: str) -> Path:
    """The painting in the cache folder, downloaded if it is not there yet."""
    if (kept := cache()) is None:
        raise InputError(f"{name} needs platformdirs to find where to keep it: pip install platformdirs")
    path = kept / "paintings" / f"{name.partition('/')[2]}{Path(file).suffix.lower()}"
    if is_readable(path):
        return path
    try:
        data = fetch(f"{COMMONS}{quote(file.replace(' ', '_'), safe='')}?width=1024")
        require_picture(data)
    except InputError as error:
        here = [local for local in assets() if not local.startswith("painting/")][:4]
        raise InputError(f"{name} must be downloaded once, but {error}. Or use one of {', '.join(here)}") from error
    try:
        write_whole(path, data)
    except OSError as error:
        raise InputError(f"{name} could not be kept in '{path.parent}' ({one_line(error)}): make room there") from error
    return path


def require_picture(data: bytes) -> None:
    """Refuse a download that is no picture, such as the page on which a café asks its guests to sign in."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            decode(data, "download")
    except InputError as error:
        kind = "a web page" if b"<html" in data[:512].lower() else "no whole picture"
        raise InputError(f"{kind} came back: try again, or sign in to your network in a browser first") from error


# --- files ---------------------------------------------------------------------------------------


def scheme_of(text: str) -> str:
    """What stands before the colon of an address, in small letters; "" where there is no address."""
    return text.partition(":")[0].lower() if "://" in text or text.startswith("data:") else ""


def is_address(text: str) -> bool:
    """Whether a picture is fetched over the network."""
    return scheme_of(text) in ("http", "https")


def read_picture(text: str) -> tuple[bytes, str]:
    """What stands behind a path, an address or a name, and what to call it in messages.

    Args:
        text: a path, an http(s) address, or a name out of `assets()`; a file of that name comes first.

    Raises:
        InputError: there is nothing to read, with the names that are near, or it is too large.
    """
    if is_address(text):
        return fetch(text), shown(text)
    if scheme_of(text):
        raise InputError(f"'{shown(text)}' is no http or https address: give one, or the path of a file")
    named = not os.path.lexists(text) and (is_painting(text) or text in assets())
    path = asset(text) if named else existing(text)
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            limit = f"larger than {MAX_FILE_BYTES / 1e9:g} GB"
            raise InputError(f"'{shown(path.name)}' is {limit}: make it smaller in a picture editor first")
        return path.read_bytes(), text if named else shown(path.name)
    except OSError as error:
        raise unreadable(path, error) from error


def file_of(text: str) -> Path:
    """Where on this machine a path, or a name of the kit's own pictures, leads; nothing has to be there.

    Args:
        text: a path, an address or a name, as `read_picture` takes it.
    """
    own = not os.path.lexists(text) and not is_painting(text) and text in assets()
    return asset(text) if own else Path(os.path.expanduser(text))


def is_known(text: str) -> bool:
    """Whether a text leads to a picture as it is: an address, a name out of `assets()`, or the path of a file.

    Args:
        text: as `read_picture` takes it.
    """
    here = os.path.isfile(os.path.expanduser(text))
    return here or bool(scheme_of(text)) or is_painting(text) or text in assets()


def existing(text: str) -> Path:
    """The path of a file that exists; otherwise an error that names what is near."""
    path = Path(os.path.expanduser(text))
    name = shown(path)
    try:
        kind = path.stat().st_mode
    except PermissionError as error:
        raise unreadable(path, error) from error
    except (OSError, ValueError) as error:
        if os.path.islink(path):
            reason = f"'{name}' is a link to '{shown(os.readlink(path))}', which is not there or leads back to it"
            raise InputError(f"{reason}: give the picture itself") from error
        near = near_files(path) or difflib.get_close_matches(text, assets())
        hint = f"did you mean {' or '.join(near)}?" if near else f"give a path, a URL or a name such as {assets()[0]}"
        raise InputError(f"there is no file '{name}': {hint}") from error
    if stat.S_ISDIR(kind):
        inside = pictures(path)[:3]
        advice = f"one of its pictures, such as {', '.join(map(str, inside))}" if inside else "the path of a picture"
        raise InputError(f"'{name}' is a folder: give {advice}")
    if not stat.S_ISREG(kind):
        raise InputError(f"'{name}' is no ordinary file: give the path of a picture")
    return path


def unreadable(path: Path, error: OSError) -> InputError:
    reason = f"'{shown(path)}' may not be read ({error.strerror})"
    return InputError(f"{reason}: change its permissions, or give a copy of it")


def pictures(folder: Path) -> list[Path]:
    """What seem to be the pictures in a folder, if it may be looked into and their names can be typed."""
    try:
        found = sorted(folder.iterdir())
    except (OSError, ValueError):
        return []
    return [path for path in found if path.suffix.lower() in SUFFIXES and path.is_file() and str(path).isprintable()]


def near_files(path: Path) -> list[str]:
    """The paths of pictures in the same folder whose names are like that of a path, whatever their case."""
    beside = {other.name.lower(): str(other) for other in pictures(path.parent)}
    return [beside[name] for name in difflib.get_close_matches(path.name.lower(), beside)]


def shown(thing: object, limit: int = 100) -> str:
    """What `str` says of a path or an address, fit for a message: on one line, with "?" for what no terminal prints.

    Args:
        thing: a path, whose bytes that are not UTF-8 Python keeps as halves of characters; or an address.
        limit: characters from which on the middle is left out.
    """
    return one_line(str(thing).encode("utf-8", "replace").decode(), limit)


# --- the network ---------------------------------------------------------------------------------


def fetch(url: str) -> bytes:
    """What stands behind an http(s) address: at most `MAX_BYTES`, in at most `TIMEOUT_S` seconds.

    Args:
        url: the address; letters beyond ASCII are quoted.

    Raises:
        InputError: it cannot be reached, answers with an error, or is too large or too slow.
    """
    name = shown(url)
    answers: queue.SimpleQueue[bytes | BaseException] = queue.SimpleQueue()
    # Only another thread can be left waiting: for a name server, or for headers that come letter by letter.
    Thread(target=lambda: answers.put(outcome(url, name)), daemon=True).start()
    try:
        answer = answers.get(timeout=TIMEOUT_S)
    except queue.Empty:
        answer = too_slow(name)
    if isinstance(answer, BaseException):
        raise answer
    return answer


def outcome(url: str, name: str) -> bytes | BaseException:
    """What stands behind an address, or what went wrong."""
    deadline = time.monotonic() + TIMEOUT_S
    try:
        with opener().open(request(url), timeout=TIMEOUT_S / 2) as response:
            return read_body(response, name, deadline)
    except HTTPError as error:
        error.close()
        return InputError(f"'{name}' answered {error.code} {one_line(error.reason)}: check it in a browser")
    except InputError as error:
        return error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        if isinstance(reason, TimeoutError):
            return too_slow(name)
        advice = "check the address and your connection, or give a file"
        return InputError(f"'{name}' was not reached over the network ({one_line(reason)}): {advice}")
    except BaseException as error:  # a mistake of ours: raised where it can be seen
        return error


def too_slow(name: str) -> InputError:
    advice = "try again, or download it in a browser and give the file"
    return InputError(f"'{name}' was silent for {TIMEOUT_S / 2:g} s, or took {TIMEOUT_S:g} s and more: {advice}")


def opener() -> urllib.request.OpenerDirector:
    """What opens http and https, and nothing else: the usual opener would follow a redirection to ftp."""
    made = urllib.request.OpenerDirector()
    for name in ("Proxy", "HTTP", "HTTPS", "HTTPRedirect", "HTTPDefaultError", "Unknown"):
        made.add_handler(getattr(urllib.request, f"{name}Handler")())
    made.add_handler(urllib.request.HTTPErrorProcessor())
    return made


def request(url: str) -> urllib.request.Request:
    """A request that says who asks, its address in ASCII."""
    parts, safe = urlsplit(url), "/%:@!$&'()*+,;=?~"
    parts = parts._replace(path=quote(parts.path, safe), query=quote(parts.query, safe), fragment="")
    return urllib.request.Request(urlunsplit(parts), headers={"User-Agent": f"nstlib (teaching kit; {REPOSITORY})"})


def read_body(response: http.client.HTTPResponse, name: str, deadline: float) -> bytes:
    """All that a server sends until a moment of the monotonic clock, if that is not more than `MAX_BYTES`."""
    data, declared = bytearray(), int(response.headers.get("Content-Length") or 0)
    while max(declared, len(data)) <= MAX_BYTES:
        if time.monotonic() > deadline:
            raise TimeoutError
        if not (chunk := response.read1(1 << 16)):
            return bytes(data)
        data += chunk
    raise InputError(f"'{name}' is larger than {MAX_BYTES / 1e6:g} MB: make it smaller and give the file")
