"""What `build-extractor` may be asked for."""

from pathlib import Path

import pytest

from spark_job.contract.errors import MisuseError
from spark_job.extractors.request import check_request

MISUSES = [
    (
        {"model": "vgg19"},
        "unknown model 'vgg19': choose one of mobilenet_v2, vgg16, resnet50, efficientnet_lite0, raw_pixels",
    ),
    ({"model": "vgg16", "layer": "fc1"}, "vgg16 has no --layer fc1: choose fc2 or flatten"),
    (
        {"model": "resnet50", "layer": "fc2"},
        "--layer is not for resnet50: only vgg16 (fc2, flatten) has layers to choose from",
    ),
    (
        {"model": "mobilenet_v2", "dense": (512,)},
        "--dense is not for mobilenet_v2: only vgg16 takes dense layers",
    ),
    (
        {"model": "vgg16", "dense": (512,), "layer": "fc2"},
        "--dense does not go with --layer fc2: dense layers stand on flatten",
    ),
    ({"model": "vgg16", "dense": (512, 0)}, "--dense 512,0: every layer needs at least 1 unit"),
    ({"model": "vgg16", "pooling": "sum"}, "unknown --pooling 'sum': choose avg or max"),
    (
        {"model": "raw_pixels", "pooling": "avg"},
        "--pooling is not for raw_pixels, which keeps every pixel",
    ),
    (
        {"model": "vgg16", "pooling": "avg", "layer": "fc2"},
        "--pooling does not go with --layer fc2: choose one of the two",
    ),
    (
        {"model": "vgg16", "pooling": "max", "dense": (512, 512)},
        "--pooling does not go with --dense: choose one of the two",
    ),
    (
        {"model": "resnet50", "size": (31, 224)},
        "--size 31x224 is too small for resnet50: at least 32x32",
    ),
    (
        {"model": "vgg16", "layer": "fc2", "size": (100, 100)},
        "--layer fc2 takes images of 224x224 only, not --size 100x100",
    ),
    ({"model": "raw_pixels", "weights": "random"}, "--weights is not for raw_pixels, which has none"),
    (
        {"model": "resnet50", "weights": "imagenet"},
        "--weights imagenet: resnet50 takes a .h5 file, or the word random",
    ),
    (
        {"model": "efficientnet_lite0", "weights": "weights.h5"},
        "--weights weights.h5: efficientnet_lite0 takes a .pth file, or the word random",
    ),
    ({"model": "vgg16", "weights": "nowhere.h5"}, "--weights nowhere.h5: there is no such file"),
    ({"model": "vgg16", "seed": -1}, "the seed is -1: it must be from 0 to 4294967295"),
]


@pytest.mark.parametrize(("options", "message"), MISUSES, ids=[message[:40] for _, message in MISUSES])
def test_a_misuse_is_refused_in_one_line_that_says_what_is_allowed(
    options: dict, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No option is ignored, and the message is the whole help that is needed."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MisuseError) as caught:
        check_request(**options)
    assert str(caught.value) == message


@pytest.mark.parametrize("model", ["mobilenet_v2", "vgg16", "resnet50", "efficientnet_lite0"])
def test_average_pooling_of_224_by_224_is_the_default(model: str) -> None:
    """Without options a network is pooled by its average at the size it was trained on."""
    request = check_request(model)
    assert (request.pooling, request.layer, request.size) == ("avg", None, (224, 224))


def test_raw_pixels_are_100_by_100_by_default() -> None:
    """Fruits-360's own size."""
    request = check_request("raw_pixels")
    assert (request.pooling, request.layer, request.size) == (None, None, (100, 100))


def test_dense_layers_imply_flatten() -> None:
    """`--dense 512,512` alone is the classic set-up."""
    request = check_request("vgg16", dense=[512, 512])
    assert (request.layer, request.pooling, request.dense) == ("flatten", None, (512, 512))
