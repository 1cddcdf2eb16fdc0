"""Addresses, served by a little web site of our own, and the names of pictures, kept in folders of our own."""

import http.server
import importlib.util
import os
import re
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import platformdirs
import pytest
from PIL import Image
from test_decode import POSTSCRIPT
from test_image import colour, red_corner, refused

from nstlib import files, gallery
from nstlib.image import load_image
from nstlib.saving import save_image

# --- addresses -----------------------------------------------------------------------------------


class Handler(http.server.BaseHTTPRequestHandler):
    """A little web site; the path says how it behaves."""

    def do_GET(self):
        buffer = BytesIO()
        red_corner().save(buffer, "PNG")
        body = buffer.getvalue()
        path = self.path.partition("?")[0]
        self.server.asked.append((self.path, self.headers["User-Agent"]))
        if path == "/missing.png":
            return self.send_error(404)
        if path == "/moved.png":
            self.send_response(302)
            self.send_header("Location", "/a.png")
            return self.end_headers()
        if path == "/turning.png":  # from here to here
            self.server.closing.wait(0.1)
            self.send_response(302)
            self.send_header("Location", f"/turning.png?{len(self.server.asked)}")
            return self.end_headers()
        if path == "/headers.png":  # five seconds of them, letter by letter
            for letter in b"HTTP/1.0 200 OK\r\nX-Slow: ".ljust(250, b"x"):
                self.wfile.write(bytes([letter]))
                if self.server.closing.wait(0.02):
                    return
            return
        if path == "/ftp.png":
            self.send_response(302)
            self.send_header("Location", "ftp://127.0.0.1/a.png")
            return self.end_headers()
        self.send_response(200)
        if path == "/declared.png":
            self.send_header("Content-Length", str(10**9))
        self.end_headers()
        if path == "/page":
            body = b"<html>sign in</html>"
        elif path == "/cut.png":
            body = body[:-30]
        elif path == "/program.jpg":
            body = POSTSCRIPT
        elif path == "/endless.png":
            while not self.server.closing.is_set():
                self.wfile.write(bytes(1 << 16))
        elif path in ("/silent.png", "/declared.png"):  # what is declared too large is not waited for
            self.server.closing.wait(5)
        elif path == "/slow.png":
            for _ in range(250):  # five seconds, and never silent for long
                self.wfile.write(b"x")
                if self.server.closing.wait(0.02):
                    return
        self.wfile.write(body)

    def log_message(self, *_):
        pass

    def handle(self):
        with suppress(OSError):  # the client hung up, as it should
            super().handle()


@pytest.fixture
def site(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.closing, server.asked = threading.Event(), []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.closing.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("path", ["/a.png", "/moved.png", "/caf\u00e9 noir.png?width=12#top"])
def test_a_url(site, path):
    picture = load_image(site.url + path)
    assert colour(picture, 0, 0) == [255, 0, 0] and picture.source == site.url + path
    assert "nstlib" in site.asked[0][1]


@pytest.mark.parametrize(
    "path, words",
    [
        ("/missing.png", ["404", "check it in a browser"]),
        ("/declared.png", ["larger than 1 MB"]),
        ("/endless.png", ["larger than 1 MB"]),
        ("/slow.png", ["was silent for 0.2 s, or took 0.4 s and more", "download it in a browser"]),
        ("/silent.png", ["was silent for 0.2 s, or took 0.4 s and more"]),
        ("/headers.png", ["was silent for 0.2 s, or took 0.4 s and more"]),
        ("/turning.png", ["was silent for 0.2 s, or took 0.4 s and more"]),
        ("/program.jpg", ["PostScript"]),
        ("/page", ["web page"]),
        ("/cut.png", ["cut off"]),
        ("/ftp.png", ["not reached", "unknown url type: ftp"]),
    ],
)
def test_urls_that_fail(site, monkeypatch, path, words):
    monkeypatch.setattr(gallery, "TIMEOUT_S", 0.4)
    monkeypatch.setattr(gallery, "MAX_BYTES", 10**6)
    start = time.monotonic()
    with refused(path, *words):
        load_image(site.url + path)
    assert time.monotonic() - start < 1


def test_a_name_server_that_does_not_answer(monkeypatch):
    monkeypatch.setattr(gallery, "TIMEOUT_S", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: time.sleep(2))
    start = time.monotonic()
    with refused("or took 0.2 s and more"):
        load_image("http://slow.example/a.png")
    assert time.monotonic() - start < 1


def test_a_mistake_of_ours_is_not_hidden_in_another_thread(site, monkeypatch):
    monkeypatch.setattr(gallery, "read_body", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        load_image(f"{site.url}/a.png")


def closed_port():
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        return server.server_port


def test_no_network(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with refused("not reached", "connection"):
        load_image(f"http://127.0.0.1:{closed_port()}/a.png")
    with refused("not reached"):
        load_image("http://[broken/a.png")


@pytest.mark.parametrize("address", ["ftp://host/a.png", "file:///etc/passwd", "data:image/png;base64,AAAA"])
def test_other_schemes_are_refused(address):
    with refused("no http or https address"):
        load_image(address)


# --- paths ---------------------------------------------------------------------------------------


def test_a_link_to_nowhere_says_so(tmp_path):
    (tmp_path / "harbour.png").symlink_to(tmp_path / "moved.png")
    with refused("harbour.png' is a link to", "moved.png', which is not there", "give the picture itself"):
        load_image(tmp_path / "harbour.png")
    red_corner().save(tmp_path / "moved.png")
    load_image(tmp_path / "harbour.png")
    (tmp_path / "moved.png").unlink()
    (tmp_path / "moved.png").symlink_to(tmp_path / "harbour.png")  # in a circle
    with refused("is a link to"):
        load_image(tmp_path / "moved.png")


def test_what_is_near_can_be_given_as_it_stands(tmp_path, monkeypatch):
    """A link to nowhere, a folder and a text have names that are nearer, and would not help."""
    (tmp_path / "harbour.png").mkdir()
    (tmp_path / "harbour.txt").touch()
    (tmp_path / "harbour0.png").symlink_to(tmp_path / "nowhere.png")
    (tmp_path / "harbour1\n.png").touch()
    red_corner().save(tmp_path / "old_harbour_2.png")
    monkeypatch.chdir(tmp_path.parent)
    for text in (tmp_path / "harbour1.png", f"{tmp_path.name}/harbour1.png"):
        with refused("there is no file", "did you mean ") as caught:
            load_image(text)
        assert str(caught.value).endswith(f"did you mean {Path(text).with_name('old_harbour_2.png')}?")
        load_image(str(caught.value).partition("did you mean ")[2].rstrip("?"))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_names_that_are_not_utf_8(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    red_corner().save(path)
    picture = load_image(path)
    assert picture.source == "caf?.png"
    assert save_image(picture.pixels, tmp_path / "saved_result.png", {"content": picture.source}).is_file()
    with refused("no file", "caf?s.png", "give a path") as caught:  # its name cannot be typed, so it is no help
        load_image(tmp_path / os.fsdecode(b"caf\xe9s.png"))
    str(caught.value).encode()
    path.write_bytes(b"no picture")
    with refused("'caf?.png' is no picture") as caught:
        load_image(str(path))
    str(caught.value).encode()
    with refused("give") as caught:
        load_image("http://caf\udce9/a.png")
    str(caught.value).encode()


# --- pictures by name ----------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A data folder of our own, and an empty cache."""
    folder = tmp_path / "data"
    for kind, name in (("content", "harbour.png"), ("style", "mosaic.jpg")):
        (folder / kind).mkdir(parents=True)
        red_corner().save(folder / kind / name)
    (folder / "style" / "paint.py").touch()
    entry = (
        '[starry_night]\ntitle = "The Starry Night"\nartist = "Vincent van Gogh"\nyear = 1889\nfile = "Süß & co.jpg"\n'
    )
    (folder / "paintings.toml").write_text(entry, encoding="utf-8")
    monkeypatch.setattr(gallery, "DATA", folder)
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache" / name))
    return folder


def test_the_names_of_all_pictures(data):
    names = gallery.assets()
    assert names[:2] == ["content/harbour", "style/mosaic"] and names[-1] == "painting/starry_night"
    assert "photo/cat" in names and not any("paint.py" in name or name.endswith("/paint") for name in names)


def test_a_picture_of_this_project(data, tmp_path, monkeypatch):
    assert gallery.asset("content/harbour") == data / "content" / "harbour.png"
    assert load_image("style/mosaic").source == "style/mosaic"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "style").mkdir()
    Image.new("RGB", (3, 3)).save(tmp_path / "style" / "mosaic", "PNG")
    assert load_image("style/mosaic").pixels.shape == (1, 3, 3, 3)  # a file of that name comes first


def test_an_unknown_name(data):
    with refused("unknown picture", "did you mean 'content/harbour'"):
        gallery.asset("content/harbor")
    with refused("no file", "did you mean content/harbour"):
        load_image("content/harbor")
    with refused("unknown picture", "did you mean 'painting/starry_night'"):
        load_image("painting/stary_night")
    with refused("no file 'painting/mine.jpg'"):
        load_image("painting/mine.jpg")


def test_a_copy_without_pictures_names_one_that_it_knows(tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "DATA", tmp_path)
    monkeypatch.chdir(tmp_path)
    with refused("there is no file 'content/harbour'") as caught:
        load_image("content/harbour")
    assert str(caught.value).rpartition(" ")[2] in gallery.assets()


@pytest.mark.parametrize("name", gallery.PHOTOS)
def test_photos_of_other_libraries(name):
    if importlib.util.find_spec(gallery.PHOTOS[name][0]) is None:
        pytest.skip("not installed")
    assert min(load_image(name).pixels.shape[-2:]) > 200


def test_a_library_that_is_missing(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with refused("scikit-learn", "pip install scikit-learn"):
        load_image("photo/temple")


def test_a_painting_is_downloaded_once(data, site, monkeypatch, tmp_path):
    monkeypatch.setattr(gallery, "COMMONS", f"{site.url}/")
    for _ in range(2):
        assert colour(load_image("painting/starry_night"), 0, 0) == [255, 0, 0]
    assert [path for path, _ in site.asked] == ["/S%C3%BC%C3%9F_%26_co.jpg?width=1024"]
    assert [file.name for file in (tmp_path / "cache" / "nstlib" / "paintings").iterdir()] == ["starry_night.jpg"]
    assert gallery.asset(" painting/starry_night ") == gallery.asset("painting/starry_night")


def test_a_web_page_instead_of_a_painting_is_not_kept(data, site, monkeypatch, tmp_path):
    monkeypatch.setattr(gallery, "COMMONS", f"{site.url}/page?")
    with refused("painting/starry_night", "a web page came back", "sign in", "content/harbour"):
        load_image("painting/starry_night")
    assert not (tmp_path / "cache").exists()


def test_a_program_instead_of_a_painting_is_not_started(data, site, monkeypatch, tmp_path):
    Image.init()
    monkeypatch.setitem(Image.OPEN, "EPS", (lambda *_: pytest.fail("read it"), Image.OPEN["EPS"][1]))
    monkeypatch.setattr(gallery, "COMMONS", f"{site.url}/program.jpg?")
    with refused("painting/starry_night", "no whole picture"):
        load_image("painting/starry_night")
    assert not (tmp_path / "cache").exists()


def test_half_a_painting_is_not_kept(data, site, monkeypatch, tmp_path):
    monkeypatch.setattr(gallery, "COMMONS", f"{site.url}/cut.png?")
    with refused("painting/starry_night", "no whole picture", "try again"):
        load_image("painting/starry_night")
    assert not (tmp_path / "cache").exists()
    monkeypatch.setattr(gallery, "COMMONS", f"{site.url}/")
    load_image("painting/starry_night")


def test_paintings_need_platformdirs_and_nothing_else_does(data, monkeypatch):
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    with refused("painting/starry_night", "pip install platformdirs"):
        load_image("painting/starry_night")
    assert load_image("content/harbour").source == "content/harbour"


def test_paintings_need_a_parser_on_python_310_and_nothing_else_does(data, monkeypatch):
    monkeypatch.setattr(files, "sys", SimpleNamespace(version_info=(3, 10, 0)))
    monkeypatch.setitem(sys.modules, "tomli", None)
    with refused("paintings.toml", "pip install tomli"):
        load_image("painting/starry_night")
    assert load_image("content/harbour").source == "content/harbour"
    assert "photo/cat" in gallery.assets() and not any("painting" in name for name in gallery.assets())


def test_a_painting_without_a_network(data, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(gallery, "COMMONS", f"http://127.0.0.1:{closed_port()}/")
    with refused("not reached", "content/harbour", "photo/cat"):
        load_image("painting/starry_night")


def test_each_picture_of_the_kit_has_a_painter_who_needs_no_library():
    checkout = Path(__file__).parents[1] / "data"
    code = (
        "import sys; import make_content, make_pictures, make_style; assert 'nstlib' not in sys.modules;"
        "print(*(f'{folder}/{name}' for folder, (painters, _) in make_pictures.FOLDERS.items() for name in painters))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, check=False)
    own = {name for name in gallery.assets() if name.startswith(("content/", "style/"))}
    licence = (gallery.DATA / "LICENSE").read_text(encoding="utf-8")
    others = set(re.findall(r"^((?:content|style)/\w+)\.jpg  ", licence, re.MULTILINE))  # with who made it
    assert set(done.stdout.split()) | others == own and not set(done.stdout.split()) & others, done.stderr
    assert not any("make_" in name or "brushes" in name for name in gallery.assets())


def test_the_names_that_the_package_really_has():
    for name in gallery.assets():
        if name.startswith(("content/", "style/")):
            assert gallery.asset(name).is_file()
