"""Where weights are looked for, what is refused, and that a file is written whole or not at all."""

import errno
import hashlib
import http.server
import io
import os
import pickle
import re
import threading
from dataclasses import replace
from http.client import IncompleteRead
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import safetensors.torch
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from nstlib import weights
from nstlib.architecture import BACKBONES
from nstlib.backbone import Backbone
from nstlib.errors import InputError
from nstlib.weights import (
    check_export,
    fetch_weights,
    find_weights,
    load_weights,
    look_for_weights,
    read_weights,
    save_weights,
)

PUBLISHED = [name for name, one in BACKBONES.items() if one.weights.published]


def state(value=1.0):
    return {"features.0.weight": torch.full((2, 3), value), "features.0.bias": torch.tensor([0.1, -2.5])}


def value_in(path):
    return read_weights(path)["features.0.weight"][0, 0].item()


@pytest.fixture
def places(tmp_path, monkeypatch):
    """An own package folder, NSTLIB_WEIGHTS and torchvision's cache, all empty."""
    package, named, cache = (tmp_path / part for part in ("package", "named", "cache/hub/checkpoints"))
    for folder in (package, named, cache):
        folder.mkdir(parents=True)
    monkeypatch.setattr(weights, "__file__", str(package / "weights.py"))
    monkeypatch.setenv("NSTLIB_WEIGHTS", str(named))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    return package, named, cache


@pytest.fixture
def offline(monkeypatch):
    """torchvision's loader where there is no network; returns the calls it got."""
    return replace_download(monkeypatch, URLError("no route to host"))


def replace_download(monkeypatch, outcome):
    from torchvision.models import WeightsEnum

    calls = []

    def get_state_dict(self, *args, **options):
        calls.append((str(self), options))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(WeightsEnum, "get_state_dict", get_state_dict)
    return calls


# Finding


@pytest.mark.parametrize("name", PUBLISHED)
def test_weights_are_looked_for_in_order(name, places):
    """The folder that is named before the cache; .safetensors before .pth before torchvision's name."""
    _, named, cache = places
    files = [f"{name}.safetensors", f"{name}.pth", BACKBONES[name].weights.file]
    expected = [folder / file for folder in (named, cache) for file in files]
    assert find_weights(name) is None
    for path in reversed(expected):
        path.touch()
        assert find_weights(name) == path


def test_the_embedded_network_comes_from_the_package(places):
    package, named, cache = places
    for folder in (cache, named, package):
        (folder / "pocket.safetensors").touch()
        assert find_weights("pocket") == folder / "pocket.safetensors"


def test_other_networks_are_not_looked_for_in_the_package(places):
    (places[0] / "vgg19.safetensors").touch()
    assert find_weights("vgg19") is None


def test_without_the_variable_only_the_cache_counts(places, monkeypatch):
    _, named, cache = places
    (named / "vgg16.pth").touch()
    monkeypatch.delenv("NSTLIB_WEIGHTS")
    assert find_weights("vgg16") is None
    (cache / "vgg16.pth").touch()
    assert find_weights("vgg16") == cache / "vgg16.pth"


def test_a_folder_with_the_files_name_is_no_file(places):
    (places[1] / "vgg16.safetensors").mkdir()
    assert find_weights("vgg16") is None


def test_a_home_folder_is_understood(places, monkeypatch):
    monkeypatch.setenv("HOME", str(places[1].parent))
    monkeypatch.setenv("NSTLIB_WEIGHTS", "~/named")
    (places[1] / "vgg16.pth").touch()
    assert find_weights("vgg16") == places[1] / "vgg16.pth"


@pytest.mark.parametrize("named", ["/nowhere/at all", "~nobody99/x", "a" * 300])
@pytest.mark.parametrize("name", BACKBONES)
def test_a_variable_that_names_no_folder_is_an_error(name, named, places, monkeypatch):
    monkeypatch.setenv("NSTLIB_WEIGHTS", named)
    with pytest.raises(InputError, match=rf"NSTLIB_WEIGHTS is '{named}', which is no folder: set it .* or unset"):
        find_weights(name)
    assert look_for_weights(name) == (
        None,
        f"not here: NSTLIB_WEIGHTS is '{named}', which is no folder: set it to one with weights, or unset it",
    )


@pytest.mark.parametrize("function", [find_weights, load_weights, fetch_weights])
def test_an_unknown_network_suggests_the_nearest(function, places):
    with pytest.raises(InputError, match=r"unknown backbone 'vgg91': did you mean 'vgg19'\? There are: pocket, vgg19"):
        function("vgg91")


# Reading


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_file_is_read_by_its_suffix(suffix, tmp_path):
    path, given = tmp_path / f"net{suffix}", state()
    save_file(given, path) if suffix == ".safetensors" else torch.save(given, path)
    found = read_weights(path)
    assert found.keys() == given.keys()
    assert all(torch.equal(found[key], given[key]) for key in given)


def test_a_given_file_comes_first(places, tmp_path):
    torch.save(state(1), places[1] / "vgg19.pth")
    torch.save(state(2), tmp_path / "mine.pth")
    assert load_weights("vgg19")["features.0.weight"][0, 0] == 1
    assert load_weights("vgg19", tmp_path / "mine.pth")["features.0.weight"][0, 0] == 2


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(InputError, match=r"no weights at '.*none\.pth': give a \.safetensors or \.pth file"):
        load_weights("vgg19", tmp_path / "none.pth")
    with pytest.raises(InputError, match="no weights at"):
        read_weights(tmp_path)


def test_an_export_of_another_network_is_refused_by_its_name(places, tmp_path):
    """VGG-16 and VGG-19 have the same shapes up to relu3_3."""
    path, told = (
        tmp_path / "s.safetensors",
        r"s\.safetensors' holds vgg16, not vgg19: take that network, or a file of v",
    )
    save_weights(state(), path, network="vgg16", until="relu3_3")
    assert load_weights("vgg16", path).keys() == state().keys()
    with pytest.raises(InputError, match=told):
        load_weights("vgg19", path)
    path.rename(places[1] / "vgg19.safetensors")
    with pytest.raises(InputError, match=r"vgg19\.safetensors' holds vgg16, not vgg19"):
        load_weights("vgg19")


def test_a_network_of_ones_own_may_take_the_weights_of_another(tmp_path, monkeypatch):
    save_weights(state(), tmp_path / "s.safetensors", network="vgg16", until="relu3_3")
    monkeypatch.setitem(BACKBONES, "mine", BACKBONES["vgg16"])
    assert load_weights("mine", tmp_path / "s.safetensors").keys() == state().keys()


class Trap:
    """Unpickled, it would make a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "plain pickle"])
def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(legacy, tmp_path):
    path, trap = tmp_path / "net.pth", tmp_path / "trapped"
    if legacy:
        path.write_bytes(pickle.dumps({"features.0.weight": Trap(trap)}, protocol=2))
    else:
        torch.save({"features.0.weight": Trap(trap)}, path)
    with pytest.raises(InputError, match="holds no weights that can be read safely") as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)
    assert not trap.exists()
    torch.load(path, weights_only=False) if not legacy else pickle.loads(path.read_bytes())
    assert trap.exists()  # the trap was a real one


def damaged(tmp_path):
    """Files that are no weights, by kind."""
    whole, pth = tmp_path / "whole.safetensors", tmp_path / "whole.pth"
    save_file({"a": torch.ones(64)}, whole)
    torch.save({"a": torch.ones(64)}, pth)
    noise = np.random.default_rng(0)
    return {
        "empty": b"",
        "zeros": bytes(300),
        "page": b"<!doctype html><html><body>404 not found</body></html>",
        "words": b"hello world, no weights",
        "cut safetensors": whole.read_bytes()[:-50],
        "cut pth": pth.read_bytes()[: len(pth.read_bytes()) // 2],
        **{f"noise {i}": noise.bytes(20 + i) for i in range(60)},
    }


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_damaged_files_are_told_in_one_line(suffix, tmp_path):
    for kind, content in damaged(tmp_path).items():
        path = tmp_path / f"net{suffix}"
        path.write_bytes(content)
        with pytest.raises(InputError) as caught:
            read_weights(path)
        message = str(caught.value)
        assert message.startswith(f"'{path}' holds no weights that can be read safely ("), kind
        assert (
            message.endswith("): move it away, and fetch or export it again")
            and "()" not in message
            and "\n" not in message
        ), kind


@pytest.mark.parametrize(
    "content", [[torch.ones(2)], torch.ones(2), {"features": {"0": torch.ones(1)}}, {"epoch": 3}], ids=repr
)
def test_a_pth_that_is_no_dictionary_of_tensors_is_refused(content, tmp_path):
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(InputError, match=r"is not a dictionary of tensors: save a network's state_dict\(\) in it"):
        read_weights(tmp_path / "net.pth")


def test_weights_are_known_by_what_is_in_the_file(tmp_path):
    state = {"features.0.weight": torch.ones(2)}
    save_file(state, tmp_path / "a.SAFETENSORS")
    save_file(state, tmp_path / "b.pt")
    parallel = {f"module.{name}": value for name, value in state.items()}
    torch.save({"state_dict": parallel, "epoch": 3}, tmp_path / "c.pth")
    for name in ("a.SAFETENSORS", "b.pt", "c.pth"):
        assert read_weights(tmp_path / name).keys() == state.keys()
    with pytest.raises(InputError, match="no weights at"):
        load_weights("squeezenet1_0", "")


# Writing


@pytest.mark.parametrize("half", [True, False], ids=["float16", "float32"])
def test_what_is_written_is_read_back(half, tmp_path):
    given = {
        "features.0.weight": torch.randn(4, 3, 3, 3),
        "features.0.bias": torch.randn(8)[::2],
        "t": torch.randn(2, 3).T,
    }
    path = tmp_path / "net.safetensors"
    assert save_weights(given, path, half=half, licence="MIT") == path.stat().st_size
    found = read_weights(path)
    for key, tensor in given.items():
        assert torch.equal(found[key], tensor.half() if half else tensor)
        assert found[key].dtype == (torch.float16 if half else torch.float32)
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == {"licence": "MIT"}
    assert os.listdir(tmp_path) == ["net.safetensors"]


def test_half_precision_halves_the_file(tmp_path):
    given = {"a": torch.randn(100, 100)}
    sizes = [save_weights(given, tmp_path / "a.safetensors", half=half) for half in (True, False)]
    assert sizes[0] == pytest.approx(20_000, abs=200) and sizes[1] == pytest.approx(40_000, abs=200)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_others_may_read_an_export(tmp_path):
    """A class shares one folder of weights."""
    (tmp_path / "plain").touch()
    save_weights(state(), tmp_path / "net.safetensors")
    assert (tmp_path / "net.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("breaks", ["the writing", "the last move"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(breaks, tmp_path, monkeypatch):
    path = tmp_path / "net.safetensors"
    save_weights(state(1), path)

    def fail(*args, **options):
        raise OSError("disk full")

    monkeypatch.setattr(*((safetensors.torch, "save") if breaks == "the writing" else (weights.os, "replace")), fail)
    with pytest.raises(InputError, match=r"disk full.*make room"):
        save_weights(state(2), path)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["net.safetensors"]
    assert value_in(path) == 1
    save_weights(state(2), path)
    assert value_in(path) == 2


def test_an_export_costs_no_other_file(tmp_path, monkeypatch):
    own = tmp_path / "own.safetensors"
    save_file(state(), own)  # somebody's
    source = tmp_path / "squeezenet1_0.safetensors"
    save_file(state(), source)
    monkeypatch.setenv("NSTLIB_WEIGHTS", str(tmp_path))
    (tmp_path / "link.safetensors").symlink_to(source)
    (tmp_path / "broken.safetensors").write_bytes(b"\xff" * 99)
    for path in (own, tmp_path / "broken.safetensors"):
        with pytest.raises(InputError, match=r"nst did not make it.*--force"):
            check_export(path, "squeezenet1_0")
        assert check_export(path, "squeezenet1_0", force=True) == path
    for path in (source, tmp_path / "link.safetensors"):
        with pytest.raises(InputError, match="are read from: name another file"):
            check_export(path, "squeezenet1_0", force=True)
    save_weights(state(), own, network="squeezenet1_0", until="fire8")
    assert check_export(own, "squeezenet1_0") == own


@pytest.mark.parametrize("name", ["x\0.safetensors", "a" * 300 + ".safetensors", "/proc/x.safetensors"])
def test_an_export_that_cannot_be_written_is_refused_before_anything_is_loaded(name, tmp_path):
    with pytest.raises(InputError, match=r"cannot be written|cannot export") as caught:
        check_export(tmp_path / name, "pocket")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("file", ["net.pth", "net", "missing/net.safetensors"])
def test_an_export_that_cannot_be_is_refused(file, tmp_path):
    with pytest.raises(InputError, match=r"cannot export to '.*': give a \.safetensors file in a folder that exists"):
        save_weights(state(), tmp_path / file)
    assert not os.listdir(tmp_path)


def test_an_export_of_vgg19_for_style_transfer_is_small(tmp_path):
    """Without its classifier, up to relu5_1, in half precision: 26 MB instead of 548."""
    backbone = Backbone(BACKBONES["vgg19"])
    trimmed = backbone.trimmed("relu5_1")
    assert 2 * sum(tensor.numel() for tensor in trimmed.values()) == pytest.approx(25.9e6, abs=0.05e6)
    assert list(trimmed)[-2:] == ["features.28.weight", "features.28.bias"]
    last = {"features.28.bias": trimmed["features.28.bias"]}
    assert save_weights(last, tmp_path / "part.safetensors") > 2 * 512


# Downloading


@pytest.mark.parametrize("name", PUBLISHED)
def test_records_agree_with_torchvisions(name):
    from torchvision.models import get_weight

    published = get_weight(BACKBONES[name].weights.published)
    assert published.url.rpartition("/")[2] == BACKBONES[name].weights.file
    assert BACKBONES[name].weights.megabytes == pytest.approx(published.meta["_file_size"], rel=0.02)


def test_a_download_keeps_torchvisions_check_of_the_hash(places, monkeypatch):
    calls = replace_download(monkeypatch, state(7))
    assert load_weights("squeezenet1_1")["features.0.weight"][0, 0] == 7
    assert calls == [("SqueezeNet1_1_Weights.IMAGENET1K_V1", {"progress": True, "check_hash": True})]


def test_what_is_there_is_not_downloaded(places, offline):
    torch.save(state(3), places[2] / "vgg19-dcbb9e9d.pth")
    assert load_weights("vgg19")["features.0.weight"][0, 0] == 3
    assert not offline


@pytest.mark.parametrize("name", PUBLISHED)
def test_without_a_network_there_are_three_ways_out(name, places, offline):
    with pytest.raises(InputError) as caught:
        load_weights(name)
    message = str(caught.value)
    assert f"the weights of {name} ({BACKBONES[name].weights.megabytes:.0f} MB) could not be downloaded" in message
    assert "no route to host" in message
    ways = ["use the backbone 'pocket'", f"'nst weights fetch {name}'", f"'nst weights export {name}'"]
    assert all(way in message for way in [*ways, "NSTLIB_WEIGHTS"]) and "\n" not in message
    assert len(offline) == 1


@pytest.mark.parametrize(
    "error", [TimeoutError("timed out"), ConnectionResetError("reset"), IncompleteRead(b"half", 9)]
)
def test_a_broken_connection_counts_as_no_network(error, places, monkeypatch):
    replace_download(monkeypatch, error)
    with pytest.raises(InputError, match=f"could not be downloaded .{re.escape(str(error))}.. Three ways out"):
        load_weights("vgg16")


def test_a_download_with_a_wrong_hash_is_told(places, monkeypatch):
    replace_download(monkeypatch, RuntimeError('invalid hash value (expected "dcbb9e9d", got "00")'))
    with pytest.raises(
        InputError, match=r"the download of vgg19 arrived damaged \(invalid hash.*'nst weights fetch vgg"
    ):
        load_weights("vgg19")


@pytest.fixture
def server(monkeypatch):
    """torchvision's own loader, and a server of the file of squeezenet1_1 that breaks off where it is told to."""
    from torchvision.models import WeightsEnum

    torch.save(state(7), buffer := io.BytesIO())
    data, settings = buffer.getvalue(), {"ends": None}
    file = f"squeezenet1_1-{hashlib.sha256(data).hexdigest()[:8]}.pth"

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: settings["ends"]])

        def log_message(self, *_):
            pass

    known = BACKBONES["squeezenet1_1"]
    monkeypatch.setitem(BACKBONES, "squeezenet1_1", replace(known, weights=replace(known.weights, file=file)))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        url = f"http://127.0.0.1:{serving.server_port}/{file}"
        load = torch.hub.load_state_dict_from_url
        monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda self, **options: load(url, **options))
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield settings
        serving.shutdown()


@pytest.mark.parametrize("ends", [0, 600])
def test_after_a_download_that_broke_off_the_next_call_goes_on(ends, places, server):
    server["ends"] = ends
    for load in (load_weights, fetch_weights):
        with pytest.raises(
            InputError, match=r"squeezenet1_1 arrived damaged .*try 'nst weights fetch squeezenet1_1' ag"
        ):
            load("squeezenet1_1")
        assert not list(places[2].iterdir())
    server["ends"] = None
    assert fetch_weights("squeezenet1_1").keys() == state().keys()
    assert find_weights("squeezenet1_1").parent == places[2]


def test_a_cut_file_in_the_cache_is_named_and_is_no_bad_download(places, server):
    """torchvision's loader takes what is there as it is: to fetch it again changes nothing until it is moved away."""
    cut = places[2] / BACKBONES["squeezenet1_1"].weights.file
    cut.write_bytes(b"half of a download")
    for load in (load_weights, fetch_weights):
        with pytest.raises(
            InputError, match=f"'{cut}' holds no weights .*: move it away, and fetch or export it again"
        ):
            load("squeezenet1_1")
    cut.rename(places[2] / "away")
    assert fetch_weights("squeezenet1_1").keys() == load_weights("squeezenet1_1").keys() == state().keys()


@pytest.mark.parametrize("spoilt", ["the folder", "one above it", "closed"])
def test_a_cache_that_cannot_be_written_is_told_before_any_download(spoilt, places, server, tmp_path, monkeypatch):
    """No connection mends that."""
    with monkeypatch.context() as patch:
        if spoilt == "closed":
            patch.setattr(Path, "touch", forbidden)
        else:
            taken = places[2] if spoilt == "the folder" else places[2].parent
            taken.rename(tmp_path / "away")
            taken.touch()
        told = r"squeezenet1_1 \(5 MB\) cannot be kept in '.*checkpoints' \(.*\): make room there, or set TORCH_HOME to"
        with pytest.raises(InputError, match=told):
            load_weights("squeezenet1_1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "elsewhere"))
    assert load_weights("squeezenet1_1").keys() == state().keys()


def forbidden(*given, **options):
    raise PermissionError(13, "Permission denied")  # which a superuser never meets, so chmod is no test


def test_a_disk_that_is_full_is_no_lack_of_a_connection(places, monkeypatch):
    replace_download(monkeypatch, OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(InputError, match=r"cannot be kept in '.*' \(No space left on device\): make room there"):
        load_weights("squeezenet1_1")


def test_the_embedded_network_is_never_downloaded(places, offline):
    with pytest.raises(InputError, match=r"package's own pocket\.safetensors is missing: install nstlib again"):
        load_weights("pocket")
    with pytest.raises(InputError, match="pocket is inside the package: there is nothing to fetch"):
        fetch_weights("pocket")
    assert not offline
