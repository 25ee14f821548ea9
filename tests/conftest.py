"""What tests share: a network of a few bytes, and an AWS that is never the real one."""

import hashlib
import os
from pathlib import Path

import pytest

# Nothing listens on port 9 of this machine: a test that forgets its own endpoint fails, and costs nothing.
FAKE_AWS = {
    "AWS_ACCESS_KEY_ID": "fake",
    "AWS_SECRET_ACCESS_KEY": "fake",
    "AWS_SESSION_TOKEN": "fake",
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(scope="session", autouse=True)
def fake_aws():
    """Fake credentials, and an endpoint that refuses, for this process and all it starts."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in FAKE_AWS.items():
            patch.setenv(name, value)
        yield


def make_tiny_extractor(folder: Path, model: str = "tiny") -> Path:
    """An extractor whose 12 features are the mean colours (0..1) of an 8 x 8 image's quadrants."""
    import numpy as np
    import openvino
    from openvino import opset13 as operations

    from spark_job.extractors.specification import ExtractorSpecification, Weights

    folder.mkdir(parents=True)
    image = operations.parameter([1, 8, 8, 3], np.float32, name="images")
    quadrants = operations.reshape(image, np.array([1, 2, 4, 2, 4, 3], np.int64), False)
    means = operations.reduce_mean(quadrants, np.array([2, 4], np.int64), False)
    features = operations.reshape(means, np.array([1, 12], np.int64), False)
    openvino.save_model(
        openvino.Model([features], [image], "tiny"), folder / "network.xml", compress_to_fp16=False
    )
    hashes = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for name in ("network.xml", "network.bin")
    }
    weights = Weights("none", "the tests", "MIT")
    specification = ExtractorSpecification(
        model, 8, 8, 12, "RGB", (0.0,) * 3, (255.0,) * 3, weights, files=hashes
    )
    (folder / "extractor.json").write_text(specification.to_json())
    return folder


@pytest.fixture(scope="session")
def tiny_extractor(tmp_path_factory):
    """The folder of an extractor that takes no time."""
    return make_tiny_extractor(tmp_path_factory.mktemp("extractors") / "tiny")


@pytest.fixture(scope="session")
def other_extractor(tmp_path_factory):
    """One with another fingerprint."""
    return make_tiny_extractor(tmp_path_factory.mktemp("extractors") / "other", model="another")
