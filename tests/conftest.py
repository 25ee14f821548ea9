"""What tests share: what each needs, a network of a few bytes, and an AWS that is never the real one."""

import functools
import hashlib
import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

TESTS = Path(__file__).parent
# A machine that is busy is no fault of the code.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fast", settings.get_profile("busy"), max_examples=25)
settings.load_profile("busy")
# What the tests of a folder or a module need beside Python. `--fast`, of `make test-fast`, takes the others.
NEEDS = {
    "analyses": ("spark",),
    "browser": ("browser",),
    "end_to_end": ("yarn", "emulator"),
    "extractors": ("tensorflow",),
    "fuzz": ("processes",),
    "infrastructure/test_application": ("synth",),
    "infrastructure/test_cluster": ("synth",),
    "infrastructure/test_image_archive": ("synth",),
    "infrastructure/test_launcher": ("synth",),
    "infrastructure/test_monitoring_stack": ("synth",),
    "infrastructure/test_network": ("synth",),
    "infrastructure/test_observability": ("synth",),
    "infrastructure/test_run": ("synth",),
    "infrastructure/test_run_identity": ("synth",),
    "infrastructure/test_scanners": ("synth",),
    "infrastructure/test_storage_retention": ("synth",),
    "rehearsal/emulator": ("emulator",),
    "rehearsal/full_run/test_rehearsal_programs": ("processes",),
    "rehearsal/machine/test_machine_steps": ("processes",),
    "rehearsal/machine/test_processes": ("processes",),
    "rehearsal/machine/test_yarn": ("yarn",),
    "spark": ("spark",),
    "unit/test_bootstrap": ("processes",),
    "unit/test_bootstrap_refusals": ("processes",),
    "unit/test_images_border": ("processes",),
    "unit/test_images_isolation": ("processes",),
}
NEEDS_OF_SLOW_TESTS = (
    "spark",
    "yarn",
    "browser",
    "emulator",
    "tensorflow",
    "command",
    "processes",
    "synth",
    "long",
)
# Tests that share what is dear to make (a deployment, a cluster, a Spark session, synthesised stacks) run in
# one process. The longest begin first; all other modules follow, each by itself.
TOGETHER = (
    "end_to_end",
    "rehearsal/machine/test_yarn",
    "spark",
    "analyses",
    "rehearsal/emulator",
    "extractors",
    "infrastructure",
)
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


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a call ask for the quick tests alone."""
    parser.addoption("--fast", action="store_true", help="only tests that need nothing beside Python")


def pytest_configure(config: pytest.Config) -> None:
    """Choose by the marks of what a test needs."""
    if config.option.fast:
        settings.load_profile("fast")
        config.option.markexpr = f"not ({' or '.join(NEEDS_OF_SLOW_TESTS)})"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not import the modules whose tests are left out as a whole: that alone takes seconds."""
    slow = {TESTS / place for place in NEEDS}
    return True if config.option.fast and collection_path.with_suffix("") in slow else None


def group_of(module: str) -> str:
    """Return which tests run in one process: those of a folder that shares, else those of the module alone.

    Args:
        module: Path of a test module below `tests/`, without its ending.
    """
    return next((folder for folder in TOGETHER if module.startswith(folder)), module)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Give each process whole groups: xdist's own marks of groups are lost with this version of pytest."""

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid.partition(".py::")[0].removeprefix("tests/"))

    return ByGroup(config, log)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what a test needs, before `-m` chooses."""
    for place, needs in NEEDS.items():
        if f"{_module(item)}/".startswith(f"{place}/"):
            for need in needs:
                item.add_marker(need)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest first, and stories in order.

    pytest-randomly has shuffled the tests before. A module that is marked `story` follows one life from
    beginning to end: its tests keep the order in which they are written.
    """
    items.sort(key=_rank)
    stories = {item.path for item in items if item.get_closest_marker("story")}
    for story in stories:
        places = [number for number, item in enumerate(items) if item.path == story]
        in_order = sorted((items[number] for number in places), key=_line)
        for number, item in zip(places, in_order, strict=True):
            items[number] = item


def _module(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).with_suffix("").as_posix()


def _rank(item: pytest.Item) -> int:
    """Return the place of its group among those that share, or the one after them."""
    group = group_of(_module(item))
    return TOGETHER.index(group) if group in TOGETHER else len(TOGETHER)


def _line(item: pytest.Item) -> tuple[int, list[int]]:
    """Return where a test is written, and the places of its parameters."""
    parameters = getattr(item, "callspec", None)
    return item.location[1] or 0, list(parameters.indices.values()) if parameters else []


@pytest.fixture(scope="session", autouse=True)
def fake_aws():
    """Fake credentials, and an endpoint that refuses, for this process and all it starts."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in FAKE_AWS.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_emulated_aws():
    """Let boto3 and moto prepare once, not for each test, and only what tests ask for."""
    from botocore.loaders import JSONFileLoader

    read_once = functools.cache(JSONFileLoader().load_file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JSONFileLoader, "load_file", lambda _, path: read_once(path))
        patch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
        # jsonschema, which moto imports, compiles 38 grammars of addresses with it: 1.3 s.
        patch.setitem(sys.modules, "rfc3987_syntax", None)
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_java():
    """Java programs of tests live for seconds: the quick compiler and the simple collector start sooner."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
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
