"""`extractor.json`."""

import json
from dataclasses import replace

import pytest

from spark_job.errors import ExtractorError
from spark_job.extractors import specification
from spark_job.extractors.specification import ExtractorSpecification, Weights

SPECIFICATION = ExtractorSpecification(
    model="vgg16",
    height=224,
    width=200,
    feature_length=512,
    channel_order="BGR",
    pixel_mean=(103.939, 116.779, 123.68),
    pixel_scale=(1.0, 1.0, 1.0),
    weights=Weights("imagenet", "somewhere", "CC-BY-4.0", "ab", 3),
    layer="flatten",
    dense=(512, 512),
    parameters=27_822_912,
    files={"network.xml": "cd"},
    built_with={"keras": "3"},
)
# Of the version that decoded every JPEG at full size.
BEFORE_SCALED_DECODING = "019be1eed388c9b69a5f5e54f79bb47bfb7038f067f973455f877268a8ee7424"


def test_a_specification_survives_json() -> None:
    """What is written is read back, tuples and weights included."""
    text = SPECIFICATION.to_json()
    assert ExtractorSpecification.from_json(text, "x") == SPECIFICATION


def test_the_name_says_layer_and_dense_layers() -> None:
    """People tell extractors apart by it."""
    assert SPECIFICATION.name == "vgg16 (flatten, dense 512,512)"
    assert replace(SPECIFICATION, layer=None, dense=(), pooling="avg").name == "vgg16 (avg pooling)"


def test_the_fingerprint_follows_the_files_but_not_the_package_versions() -> None:
    """Equal features, equal fingerprint; another file, another fingerprint."""
    assert replace(SPECIFICATION, built_with={"keras": "4"}).fingerprint == SPECIFICATION.fingerprint
    assert replace(SPECIFICATION, files={"network.xml": "ef"}).fingerprint != SPECIFICATION.fingerprint


def test_the_fingerprint_follows_the_preparation_of_photographs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Features that an earlier version computed are told from those of another extractor."""
    assert SPECIFICATION.difference(SPECIFICATION.fingerprint) == ""
    assert SPECIFICATION.difference(replace(SPECIFICATION, model="vgg19").fingerprint) == "another extractor"
    earlier = "photographs that an earlier version of this job prepared in another way"
    assert SPECIFICATION.difference(BEFORE_SCALED_DECODING) == earlier
    now = SPECIFICATION.fingerprint
    monkeypatch.setattr(specification, "PREPARATION", specification.PREPARATION + 1)
    assert SPECIFICATION.difference(now) == earlier


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "here is not an extractor.json: "),
        ("[]", "here is not an extractor.json: "),
        ('{"format": 2}', "here has format 2; this version reads 1: build the extractor again with"),
        ('{"format": 1}', "here is not an extractor.json: 'weights'"),
        (
            json.dumps({**json.loads(SPECIFICATION.to_json()), "colour": 1}),
            "here has unknown fields ['colour']: build it again",
        ),
    ],
)
def test_an_unreadable_specification_is_refused_by_name(text: str, message: str) -> None:
    """The message names the file and what is wrong with it."""
    with pytest.raises(ExtractorError) as caught:
        ExtractorSpecification.from_json(text, "here")
    assert str(caught.value).startswith(message)
