"""A submitted step is the deployed one with another request; its id follows from what it computes."""

from dataclasses import replace

import pytest

from infra.launch.run_request import RunRequest, submission
from operate.emr.steps import spark_step
from spark_job.commands.run import run_command
from spark_job.contract.run_options import RunOptions
from tests.aws.launching import DEPLOYED, PREFIX

SPARK = DEPLOYED.spark
REQUEST = RunRequest(images=("s3://images/a folder with spaces/2026",), fingerprint="f")


def submitted(request=REQUEST, deployed=DEPLOYED):
    return submission(deployed, request)


def test_the_step_starts_spark_as_the_deployed_one_under_its_own_name():
    """Everything up to the entry point is kept but the application's name."""
    made = submitted()
    assert made.arguments[: len(SPARK)] == tuple(
        f"--name={PREFIX}{made.run_id}" if word.startswith("--name=") else word for word in SPARK
    )


def test_known_images_cost_nothing_in_the_next_run_either():
    """What the deploy asks for is asked for again, unless the request says otherwise."""
    assert {"--previous=latest", "--removed=drop"} <= set(submitted().arguments)


def test_a_sample_is_computed_anew():
    """The job refuses to keep what is gone beside a sample; a measurement must not find its work done."""
    sampled = submitted(replace(REQUEST, options=("--sample=100",))).arguments
    assert not {"--previous=latest", "--removed=drop"} & set(sampled)


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--components=12", "--no-standardize", "--all-files"),
        ("--reduction=s3://results/runs/run-1", "--precision=bf16"),
        ("--variance=0.9", "--classes=Apple*,Banana", "--sample=100", "--seed=2"),
    ],
)
def test_the_job_itself_understands_the_arguments(options):
    """Parsed by the job's own command, they say what was asked; no word comes twice, which EMR refuses."""
    made = submitted(replace(REQUEST, options=options))
    words = list(made.arguments[len(SPARK) :])
    assert len(set(made.arguments)) == len(made.arguments)
    assert words[0] == "run"
    parsed = run_command.make_context("run", words[1:]).params
    assert parsed["images"] == ("s3://images/a folder with spaces/2026",)
    assert parsed["results"] == "s3://fruit-results/runs"
    assert parsed["extractor"] == "/opt/fruit-features/extractor"
    assert parsed["engine"] == "openvino"
    assert parsed["run_id"] == made.run_id
    assert parsed["resume"] is True
    for word in options:
        name, _, value = word.removeprefix("--").partition("=")
        if name != "no-standardize":
            told = parsed[name.replace("-", "_")]
            assert (",".join(told) if isinstance(told, tuple) else str(told)) == (value or "True")
    assert RunOptions.from_values(parsed).request.standardize is ("--no-standardize" not in options)


def test_the_deployed_share_of_variance_holds_unless_the_request_decides():
    """Without options the deployment's variance is passed on; with components it would contradict them."""
    assert "--variance=0.8" in submitted().arguments
    assert not any(
        "--variance" in word for word in submitted(replace(REQUEST, options=("--components=3",))).arguments
    )


def test_what_a_deployment_requires_every_run_of_it_does():
    """No request goes without the consents that the deployed step asks for; one may ask for them itself."""
    for deployed, asked in ((True, False), (False, True), (True, True), (False, False)):
        job = (*DEPLOYED.job, *(["--require-consent"] if deployed else []))
        options = ("--require-consent",) if asked else ()
        words = submitted(replace(REQUEST, options=options), replace(DEPLOYED, job=job)).arguments
        assert words.count("--require-consent") == (deployed or asked)


def test_the_deployed_labels_hold_unless_the_request_says_others():
    """Also the rule by folders, where the deployment has a table."""
    deployed = replace(DEPLOYED, job=(*DEPLOYED.job, "--labels=s3://fruit-images/labels.csv"))
    assert "--labels=s3://fruit-images/labels.csv" in submitted(deployed=deployed).arguments
    asked = submitted(replace(REQUEST, options=("--labels=folder",)), deployed).arguments
    assert [word for word in asked if word.startswith("--labels")] == ["--labels=folder"]


def test_the_same_request_has_the_same_run_id():
    """Nothing random or dated is in it."""
    assert submitted().run_id == submitted().run_id


@pytest.mark.parametrize(
    "other",
    [
        {"request": replace(REQUEST, fingerprint="grown")},
        {"request": replace(REQUEST, options=("--sample=5",))},
        {"request": replace(REQUEST, images=("s3://images",))},
        {"request": replace(REQUEST, code=("s3://jobs/main.py", "s3://jobs/job.zip"))},
        {"deployed": replace(DEPLOYED, extractor="another")},
        {"deployed": replace(DEPLOYED, job=tuple(word.replace("0.8", "0.9") for word in DEPLOYED.job))},
    ],
)
def test_another_archive_extractor_code_or_parameter_is_another_run(other):
    """Each of them changes the run id."""
    assert submitted(**other).run_id != submitted().run_id


def test_a_name_begins_the_run_id():
    """`run` without one."""
    assert submitted().run_id.startswith("run-")
    assert submitted(replace(REQUEST, name="spring")).run_id.startswith("spring-")


def test_the_working_trees_code_replaces_the_deployed_one():
    """Entry point and package; all other settings stay."""
    code = ("s3://jobs/main.py", "s3://jobs/job.zip")
    other, plain = submitted(replace(REQUEST, code=code)), submitted()
    words = [word.replace(other.run_id, plain.run_id) for word in other.arguments]
    assert words[: len(SPARK)][-2:] == ["--py-files=s3://jobs/job.zip", "s3://jobs/main.py"]
    assert set(plain.arguments) - set(words) == set(SPARK[-2:])


def test_a_step_leaves_the_cluster_up_when_it_fails():
    """Its arguments stay a list."""
    assert spark_step("n", ("a b", "c")) == {
        "Name": "n",
        "ActionOnFailure": "CONTINUE",
        "HadoopJarStep": {"Jar": "command-runner.jar", "Args": ["a b", "c"]},
    }
