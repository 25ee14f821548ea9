"""What is asked of a rehearsal is checked before anything starts."""

from pathlib import Path

import pytest

from infra.config.context import context_of
from infra.errors import ConfigError
from rehearsal.full_run import request as request_module
from rehearsal.full_run.request import Request, checked_configuration
from rehearsal.settings import require_plain
from spark_job.contract.errors import MisuseError


def request(*fields, stage="dev"):
    return Request(stage, context_of(fields), None, Path("results"), False, Path("scratch"))


def test_fields_are_those_of_a_deploy():
    """The same names and values, on top of what cdk.json says."""
    config = checked_configuration(request("model=efficientnet_lite0", stage="prod"), "x86_64")
    assert (config.stage, config.model) == ("prod", "efficientnet_lite0")
    with pytest.raises(ConfigError, match="core_minimum=1") as caught:
        checked_configuration(request("core_minimum=1"), "x86_64")
    assert caught.value.exit_code == 2


def test_every_program_gets_the_fields_and_the_stage():
    """As words of `cdk -c`."""
    assert request("model=vgg16").context_words == ["-c", "model=vgg16", "-c", "stage=dev"]


@pytest.mark.parametrize(
    ("machine", "kind"), [("x86_64", "m7g.xlarge"), ("arm64", "m5.xlarge"), ("aarch64", "m5.xlarge")]
)
def test_nodes_of_another_architecture_are_refused_with_what_to_set(machine, kind):
    """The wheels that the nodes install would not run here."""
    fleets = [f"{fleet}_instance_types={kind}" for fleet in ("primary", "core", "task")]
    with pytest.raises(MisuseError) as caught:
        checked_configuration(request(*fleets), machine)
    assert f"({kind}), and this machine is " in str(caught.value)
    assert caught.value.exit_code == 2
    advice = str(caught.value).rpartition("CONTEXT=")[2].strip("'").replace("-c ", "").split()
    assert checked_configuration(request(*advice), machine)


def test_a_processor_that_no_node_has_is_refused():
    """EMR has none of it."""
    with pytest.raises(MisuseError, match="processor is riscv64"):
        checked_configuration(request(), "riscv64")


def test_a_folder_that_spark_and_yarn_would_take_apart_is_named_at_once(monkeypatch):
    """Its own Spark gets along with it, and the containers of YARN do not: not after minutes of a deploy."""
    monkeypatch.setattr(request_module, "ROOT", Path("/home/me/Fruits 8"))
    with pytest.raises(MisuseError, match=r"^/home/me/Fruits 8 holds ' ', .*: move the project"):
        checked_configuration(request(), "x86_64")
    with pytest.raises(MisuseError, match=r"holds 'é'"):
        require_plain(Path("/home/andré"))
    require_plain(Path("/home/andre/Fruits_8.1"))
