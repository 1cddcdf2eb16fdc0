"""Whatever somebody gives a public function in place of a tensor: a result, or one line that says what to give.

What each line says is tested where its kind is. Here the boundary itself is: no error of torch's comes through. Add a
line for every new function, and for every new slip.
"""

import numpy as np
import pytest
import torch

import nstlib as nst

IMAGE, MASK = torch.rand(1, 3, 16, 20), torch.rand(1, 1, 16, 20)
COVARIANCE = nst.colors_of(IMAGE)[1]
POCKET = nst.load_backbone()
PLAIN = nst.Objective(POCKET, [*nst.content_terms(POCKET, IMAGE, ["relu2_1"]), nst.tv_term(1.0)])

ODD = {
    "nothing": None,
    "a list": [[1.0]],
    "a dictionary": {"relu1_1": IMAGE},
    "an array": np.zeros((4, 4, 3), np.float32),
    "a name": "content/none",
    "a number": torch.tensor(1.0),
    "a plane": torch.rand(8, 8),
    "without its first axis": torch.rand(3, 16, 20),
    "an axis too many": torch.rand(1, 1, 3, 16, 20),
    "grey": torch.rand(1, 1, 16, 20),
    "with alpha": torch.rand(1, 4, 16, 20),
    "two": torch.rand(2, 3, 16, 20),
    "none of them": torch.rand(0, 3, 16, 20),
    "no rows": torch.rand(1, 3, 0, 20),
    "no channels": torch.rand(1, 0, 16, 20),
    "one pixel": torch.rand(1, 3, 1, 1),
    "bytes": torch.zeros(1, 3, 16, 20, dtype=torch.uint8),
    "whole numbers": torch.ones(1, 3, 16, 20, dtype=torch.int64),
    "truth values": torch.ones(1, 3, 16, 20, dtype=torch.bool),
    "complex numbers": torch.ones(1, 3, 16, 20, dtype=torch.complex64),
    "half precision": torch.rand(1, 3, 16, 20).half(),
    "double precision": torch.rand(1, 3, 16, 20).double(),
    "not a number": torch.full((1, 3, 16, 20), torch.nan),
    "infinite": torch.full((1, 3, 16, 20), torch.inf),
    "not square": torch.rand(3, 4),
    "of four": torch.eye(4),
    "in single precision": torch.eye(3),
}
PIXELS = {  # an image (1, 3, H, W), or (1, C, H, W)
    "resize": lambda x: nst.resize(x, (8, 8)),
    "luminance": nst.luminance,
    "with_luminance": lambda x: nst.with_luminance(x, MASK),
    "colors_of": nst.colors_of,
    "recolor": lambda x: nst.recolor(x, IMAGE),
    "recolor like": lambda x: nst.recolor(IMAGE, x),
    **{
        f"tv_loss {kind}": lambda x, kind=kind: nst.tv_loss(x, kind) for kind in ("l1", "l2", "isotropic", "nine-point")
    },
    "to_pil": nst.to_pil,
    "backbone": lambda x: POCKET(x, ["relu2_1"]),
    "normalize_activations": lambda x: nst.normalize_activations(nst.load_backbone(), [x]),
    "content_terms": lambda x: nst.content_terms(POCKET, x, ["relu2_1"]),
    "style_terms": lambda x: nst.style_terms(POCKET, [x], ["relu2_1"]),
    "objective": PLAIN,
    "value_and_gradient": PLAIN.value_and_gradient,
    "gradient_shares": PLAIN.gradient_shares,
    "Smoothing": lambda x: nst.Smoothing(x, 0.5),
    "StyleNetwork": nst.StyleNetwork(4, 1),
}
MASKS = {  # (1, 1, H, W)
    "with_luminance bright": lambda x: nst.with_luminance(IMAGE, x),
    "colors_of mask": lambda x: nst.colors_of(IMAGE, x),
    "recolor mask": lambda x: nst.recolor(IMAGE, IMAGE, mask=x),
    "recolor like_mask": lambda x: nst.recolor(IMAGE, IMAGE, like_mask=x),
    "guided_gram region": lambda x: nst.guided_gram(IMAGE, x),
    "carried": lambda x: nst.carried(x, nst.BACKBONES["pocket"], ["relu5_1"]),
    "style_terms masks": lambda x: nst.style_terms(POCKET, [IMAGE], ["relu2_1"], masks=[x]),
    "style_terms regions": lambda x: nst.style_terms(POCKET, [IMAGE], ["relu2_1"], regions=[x]),
}
MAPS = {  # (1, N, H, W)
    "gram": nst.gram,
    "covariance": nst.covariance,
    "mean_std": nst.mean_std,
    "guided_gram": lambda x: nst.guided_gram(x, MASK),
    "content_loss": lambda x: nst.content_loss(x, IMAGE),
    **{
        f"content_loss {how}": lambda x, how=how: nst.content_loss(x, x, how)
        for how in ("mean", "sum", "relative", "similarity")
    },
    "adain": lambda x: nst.adain(x, IMAGE),
    "adain style": lambda x: nst.adain(IMAGE, x),
    "wct": lambda x: nst.wct(x, IMAGE),
    "wct style": lambda x: nst.wct(IMAGE, x),
    "a decoder": nst.load_decoders()["relu2_1"],
}
COVARIANCES = {  # (C, C)
    name: take
    for make in (nst.cholesky_map, nst.pca_map, nst.transport_map)
    for name, take in (
        (make.__name__, lambda x, make=make: make(x, COVARIANCE)),
        (f"{make.__name__} target", lambda x, make=make: make(COVARIANCE, x)),
    )
}
FUNCTIONS = PIXELS | MASKS | MAPS | COVARIANCES


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_error_of_torch_comes_through(function):
    broken = {}
    for name, given in ODD.items():
        try:
            FUNCTIONS[function](given)
        except nst.InputError:
            continue
        except Exception as error:
            broken[name] = repr(error)[:120]
    assert broken == {}


@pytest.mark.parametrize("function", PIXELS)
@pytest.mark.parametrize("name", ["nothing", "a number", "an axis too many", "no rows", "no channels", "bytes"])
def test_what_is_no_image_is_refused(function, name):
    if (function, name) == ("to_pil", "bytes"):
        return
    with pytest.raises(nst.InputError):
        PIXELS[function](ODD[name])


@pytest.mark.parametrize("function", MAPS)
@pytest.mark.parametrize("name", ["nothing", "no rows", "no channels", "whole numbers", "complex numbers"])
def test_what_is_no_map_is_refused(function, name):
    with pytest.raises(nst.InputError):
        MAPS[function](ODD[name])


@pytest.mark.parametrize("name", ["grey", "with alpha", "a plane"])
def test_brightness_is_that_of_three_colours(name):
    with pytest.raises(nst.InputError, match=r"give \(B, 3, height, width\), as load_image\(…\)\.pixels is"):
        nst.luminance(ODD[name])
    grey = nst.load_image(ODD["grey"]).pixels  # as advised
    torch.testing.assert_close(nst.luminance(grey), ODD["grey"])


def test_grey_and_colour_have_no_map_between_them():
    for image, like in ((ODD["grey"], IMAGE), (IMAGE, ODD["grey"])):
        with pytest.raises(nst.InputError, match="channels: give both in colour, or luminance of both"):
            nst.recolor(image, like)


def test_a_grey_pictures_colours_are_a_target_in_any_precision():
    grey = nst.colors_of(MASK.expand(1, 3, 16, 20))[1]
    for make in (nst.cholesky_map, nst.pca_map, nst.transport_map):
        single = make(COVARIANCE.float(), grey.float())
        assert single.dtype == torch.float32
        torch.testing.assert_close(single @ COVARIANCE.float() @ single.T, grey.float(), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "size", [5, None, (4,), (4, 4, 4), (0, 4), (4.5, 4), ("a", "b"), (-1, 4), (True, True)], ids=str
)
def test_a_size_is_two_numbers_of_pixels(size):
    with pytest.raises(nst.InputError, match=r"give \(height, width\) in pixels"):
        nst.resize(IMAGE, size)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        *(({"quality": quality}, "quality") for quality in ("high", None, True, 0, 101, 50.5)),
        *(({"metadata": metadata}, "holds no metadata: give texts by name") for metadata in (5, "title")),
    ],
    ids=str,
)
def test_what_no_file_can_be_saved_with(options, told, tmp_path):
    with pytest.raises(nst.InputError, match=told):
        nst.save_image(IMAGE, tmp_path / "new.jpg", **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("path", [5, None, ""])
def test_metadata_are_read_from_a_file(path):
    with pytest.raises(nst.InputError, match=r"give the name of a file|give its name"):
        nst.read_metadata(path)


def test_what_is_no_list_of_pictures_cannot_be_averaged_over():
    with pytest.raises(nst.InputError, match="is no list of pictures"):
        nst.normalize_activations(nst.load_backbone(), None)
