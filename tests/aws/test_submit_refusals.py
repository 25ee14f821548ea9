"""What `fruit submit` refuses: each time in one line that says what to do."""

import pytest

from tests.aws.emr_policies import answer_policies
from tests.aws.submitting import put_photographs, steps


@pytest.fixture(autouse=True)
def policies(monkeypatch):
    answer_policies(monkeypatch)


@pytest.fixture
def photographs(deployment):
    return put_photographs()


def test_no_for_an_answer_submits_nothing(operate, deployment, photographs, monkeypatch):
    """Exit code 1, in one line."""
    monkeypatch.setattr("click.confirm", lambda *_, **__: False)
    done = operate("submit")
    assert (done.exit_code, done.err.splitlines()[-1]) == (1, "Error: not submitted")
    assert len(steps(deployment)) == 1


def test_a_run_under_way_is_refused(operate, deployment, photographs):
    """The same request again would write to the same folder at the same time, --resume or not."""
    first = operate("submit", "--yes", "--json")
    for option in ("--yes", "--resume"):
        again = operate("submit", "--yes", option)
        assert again.exit_code == 1
        assert f"run {first.json['run_id']} is PENDING already" in again.err
    assert len(steps(deployment)) == 2


def begun(operate, s3, *names):
    """The run id of a request whose results folder holds these."""
    run = operate("submit", "--dry-run", "--json").json["run_id"]
    for name in names:
        s3.put_object(Bucket="fruit-results", Key=f"runs/{run}/{name}", Body=b"{}")
    return run


def test_a_complete_run_is_refused_and_says_how_to_get_it(operate, deployment, photographs):
    """The same images and parameters give the same results; a cluster for it would be paid for nothing."""
    run = begun(operate, photographs, "run.json", "manifest.json")
    for options in ([], ["--resume"]):
        done = operate("submit", "--yes", *options)
        assert done.exit_code == 1
        assert done.err.splitlines()[-1] == (
            f"Error: run {run} is complete: the same images and parameters give the same results; "
            f"`fetch {run}` gets them, --name makes another run"
        )


def test_an_unfinished_run_goes_on_only_when_asked(operate, deployment, photographs):
    """--resume submits it under its own id."""
    run = begun(operate, photographs, "run.json")
    refused = operate("submit", "--yes")
    assert refused.exit_code == 1
    assert f"run {run} was begun and is unfinished: --resume goes on with it" in refused.err
    resumed = operate("submit", "--yes", "--resume", "--json")
    assert (resumed.exit_code, resumed.json["run_id"]) == (0, run)


def test_without_images_nothing_starts(operate, deployment):
    """The message says how they get there."""
    done = operate("submit", "--yes")
    assert done.exit_code == 1
    assert "no images in s3://fruit-images" in done.err
    assert "`upload DIR`" in done.err


def test_a_foreign_bucket_is_misuse(operate, deployment):
    """The cluster's role could not read it."""
    done = operate("submit", "s3://elsewhere/photographs", "--yes")
    assert done.exit_code == 2
    assert "the cluster reads images in s3://fruit-images, s3://fruit-taillefixe alone" in done.err


@pytest.mark.parametrize("table", ["labels.csv", "s3://elsewhere/labels.csv"])
def test_a_table_that_the_cluster_cannot_read_is_misuse(operate, deployment, table):
    """It is on this machine, or in a foreign bucket: the message says where to."""
    done = operate("submit", f"--labels={table}", "--yes")
    assert done.exit_code == 2
    assert "as by `aws s3 cp labels.csv s3://fruit-images/`, and give its s3:// URI" in done.err


def test_variance_and_components_exclude_each_other(operate, deployment, photographs):
    """Misuse, before anything is submitted."""
    done = operate("submit", "--variance=0.9", "--components=3", "--yes")
    assert done.exit_code == 2
    assert "--variance and --components exclude each other" in done.err


def test_a_name_that_no_run_can_have_is_misuse(operate, deployment, photographs):
    """Before anything is listed."""
    done = operate("submit", "--name=spring 2026", "--yes")
    assert done.exit_code == 2
    assert done.err == (
        "Error: --name 'spring 2026': letters, digits, '.', '_' and '-' are allowed, 50 at most, "
        "the first a letter or digit\n"
    )
