"""The options of `run`: one table, from which words, fingerprint, report, README and `submit` follow."""

from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_job.commands.run import make_run_command
from spark_job.commands.tables import with_tables
from spark_job.contract.errors import MisuseError
from spark_job.contract.options import PLACE, RESULTS, SUBMIT, option
from spark_job.contract.run_options import RUN_ID, ComponentRequest, ImageLimits, RunOptions

PROJECT = Path(__file__).resolve().parents[2]
REQUIRED = ["--images=/data/photos", "--results=/r", "--extractor=/e", "--run-id=x"]

paths = st.from_regex(r"/(source|été)/[a-z #%+]{1,8}[a-z]", fullmatch=True)
names = st.text(
    st.characters(codec="utf-8", exclude_characters=",", exclude_categories=["Z", "C"]), min_size=1
)
counts = st.integers(1, 10**9)


@st.composite
def runs(draw: st.DrawFn) -> RunOptions:
    """Any run that the checks allow."""
    components = draw(st.none() | counts)
    share = st.floats(0, 1, exclude_min=True)
    sample, per_class = draw(st.sampled_from([(None, None), (5, None), (None, 7)]))
    previous = draw(st.none() | st.just("latest") | paths)
    removed = st.sampled_from(["drop", "keep"] if previous and not sample and not per_class else ["drop"])
    engine = draw(st.sampled_from(["openvino", "tensorflow"]))
    return RunOptions.checked(
        images=(draw(paths),),
        results="/results/" + draw(st.from_regex(r"[a-z é]{0,5}[a-z]", fullmatch=True)),
        extractor=draw(paths),
        run_id=draw(st.from_regex(RUN_ID, fullmatch=True)),
        request=ComponentRequest(None if components else draw(share), components, draw(st.booleans())),
        limits=ImageLimits(draw(counts), draw(counts), draw(st.floats(1e-3, 1e6))),
        reduction=draw(st.none() | paths),
        previous=previous,
        removed=draw(removed),
        classes=tuple(draw(st.lists(names, max_size=3))),
        sample=sample,
        sample_per_class=per_class,
        seed=draw(st.integers(-5, 10**6)),
        engine=engine,
        precision=draw(st.sampled_from(["f32", "bf16"] if engine == "openvino" else ["f32"])),
        all_files=draw(st.booleans()),
        allow_empty=draw(st.booleans()),
        resume=draw(st.booleans()),
    )


@given(runs())
def test_the_words_of_a_run_ask_for_that_run(options: RunOptions) -> None:
    """Written and read again, every option is as it was."""
    words = options.arguments()
    assert words[0] == "run"
    assert RunOptions.parse(words[1:]) == options


@given(runs())
def test_the_command_line_reads_the_same_words(options: RunOptions) -> None:
    """Click, which knows the table alone, comes to the same run."""
    command = make_run_command(RunOptions)
    values = command.make_context("run", options.arguments()[1:]).params
    assert RunOptions.from_values(values) == options


def test_runs_of_earlier_versions_are_the_same_runs() -> None:
    """Fingerprints of the version before the table, with few options and with many.

    Its `--max-pixels` was 64,000,000 where it was not given.
    """
    plain = RunOptions.parse(["--images=s3://b/p", *REQUIRED])
    assert plain.images == ("s3://b/p", "/data/photos")
    words = ["--images=/data/photos", "--images=s3://b/p", *REQUIRED[1:]]
    assert RunOptions.parse([*words, "--max-pixels=64000000"]).fingerprint("extractor") == (
        "0ee629232a7413c4bb27598aaeff7908ccf5c34ccd042c788012cc67a5b7d951"
    )
    many = ["--components=3", "--no-standardize", "--previous=latest", "--removed=keep", "--classes=Apple*,B"]
    many += ["--seed=7", "--precision=bf16", "--all-files"]
    many += ["--max-pixels=100", "--max-bytes=200", "--max-seconds=1.5"]
    assert RunOptions.parse([*REQUIRED, *many]).fingerprint("extractor") == (
        "cdb053be55f3c09d7b3efed684428c3709be0655ec3fe3a8d15a30fdca4bb0b5"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    {
        "--imagse=a": "--imagse=a is no option of the job",
        "--sample": "--sample: write --sample=VALUE",
        "--resume=yes": "--resume=yes: write --resume",
        "--sample=0": "--sample 0: give a whole number of at least 1",
        "--variance=nan": "--variance nan: give a number above 0 and at most 1",
        "--engine=torch": "--engine torch: give openvino or tensorflow",
        "--variance=0.9 --components=3": "--variance and --components exclude each other: give one",
    }.items(),
)
def test_words_that_cannot_be_read_are_refused(words: str, message: str) -> None:
    """In one line: the word, and what may be written."""
    with pytest.raises(MisuseError) as caught:
        RunOptions.parse([*REQUIRED, *words.split()])
    assert str(caught.value).startswith(message)


def test_what_no_run_can_do_without_is_named() -> None:
    """The table says which options those are."""
    with pytest.raises(MisuseError, match=r"^--results, --extractor: missing"):
        RunOptions.parse(["--images=/a", "--run-id=x"])


@dataclass(frozen=True, kw_only=True)
class Sharpened(RunOptions):
    """The table with one more option, and nothing else."""

    sharpness: float = option(
        "Sharpen images before the network sees them.",
        kind=float, default=0.0, least=0, most=10, unit="px", metavar="RADIUS",
        label="sharpened by", offered=(SUBMIT,), needs="sharpness",
    )  # fmt: skip


def test_an_option_that_is_added_to_the_table_is_everywhere() -> None:
    """Help, words, fingerprint, report, README and `submit` know it; without it a run is as before."""
    words = [*REQUIRED, "--sharpness=2.5"]
    options, plain = Sharpened.parse(words), Sharpened.parse(REQUIRED)
    command = make_run_command(Sharpened)
    context = click.Context(command)
    assert options.sharpness == 2.5
    assert "--sharpness RADIUS" in command.get_help(context)
    assert command.make_context("run", words).params["sharpness"] == 2.5
    assert "--sharpness=2.5" in options.arguments(RESULTS, PLACE)
    assert options.parameters["sharpness"] == 2.5
    assert options.fingerprint("e") != plain.fingerprint("e") == RunOptions.parse(REQUIRED).fingerprint("e")
    assert options.described()["sharpened by"] == "2.5 px"
    assert "sharpened by" not in plain.described()
    readme = with_tables((PROJECT / "README.md").read_text(), Sharpened)
    assert "| `--sharpness RADIUS` | Sharpen images before the network sees them. | 0.0 px |" in readme
    assert [one.name for one in Sharpened.table(SUBMIT)] == [
        *(one.name for one in RunOptions.table(SUBMIT)),
        "sharpness",
    ]
    with pytest.raises(MisuseError, match="--sharpness 11: give a number of at least 0 and at most 10"):
        Sharpened.parse([*REQUIRED, "--sharpness=11"])


def test_the_readme_has_the_table() -> None:
    """`python -m spark_job tables README.md` writes it."""
    readme = (PROJECT / "README.md").read_text()
    assert with_tables(readme) == readme
