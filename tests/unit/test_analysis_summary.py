"""The lines that each analysis ends with: whole, as a person sees them."""

from collections import Counter
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array

from spark_job.analyses.checking.analysis import Checked
from spark_job.analyses.checking.balance import Balance
from spark_job.analyses.checking.findings import FindingTally, Thresholds
from spark_job.analyses.classifier import Head, Novelty
from spark_job.analyses.convergence import Step
from spark_job.analyses.convergence import findings as convergence_findings
from spark_job.analyses.grouping.analysis import Grouping
from spark_job.analyses.grouping.kmeans import AGREEMENTS, Assigned, Trial
from spark_job.analyses.prediction.report import Answer, Few, Outcome
from spark_job.analyses.runs import Lines, Summary
from spark_job.analyses.training.division import Division
from spark_job.analyses.training.fitting import Evaluation, Trained
from spark_job.analyses.training.report import training_findings
from spark_job.images.listing import ListedFile
from spark_job.session import Sums


def shown(lines: Lines) -> list[str]:
    return Summary(lines, {}).as_text().splitlines()


def test_json_is_one_object():
    """A program reads what a person does not need to."""
    assert Summary([], {"kind": "train", "metrics": {"name": "Pêche"}}).as_json() == (
        '{\n  "kind": "train",\n  "metrics": {\n    "name": "Pêche"\n  }\n}'
    )


def test_a_training_ends_with_accuracy_baseline_and_the_most_confused_pair():
    """On both tables: the accuracy on the components stands below."""
    division = Division(0, ("Apple", "Plum"), None, None, {}, {}, np.array([[30, 10]]), np.array([6, 4]), 0)
    evaluation = Evaluation(csr_array([[5, 1], [0, 4]]), in_top=10, flagged=0, examples=Sums())
    head, novelty = Head(np.zeros((2, 3)), np.zeros(2)), Novelty(*np.zeros((3, 1)))
    trained = [Trained(table, 3, head, (), (), novelty, evaluation) for table in ("features", "components")]
    assert shown(training_findings(division, trained)) == [
        "accuracy  90.0 % of 10 test images, 100.0 % among the first 5 (features)",
        "          90.0 % on components",
        "baseline  60.0 %: always the class with most training images",
        "confused  Apple taken for Plum: 1 of 6 images",
    ]
    untested = replace(division, test_counts=np.array([6, 0]))
    assert shown(training_findings(untested, trained[:1]))[-1] == (
        "untested  classes without a test image: 1 of 2 (Plum)"
    )


def test_few_predictions_are_listed():
    """Each image with its classes, the most probable first, and what is like nothing known."""
    answer = Answer(("Plum", "Apple"), (0.75, 0.25), 0.1, unlike=True)
    shown_one = Few([((0.1, "photos/1.jpg"), (ListedFile("photos/1.jpg"), answer))])
    outcome = Outcome(Counter(Plum=1), 1, 0, 1, 1, shown_one)
    assert shown(outcome.findings()) == [
        "images    1 recognised, 1 unlike anything trained on, 0 rejected",
        "accuracy  100.0 % of the 1 images whose label is one of its classes; images that the classifier was "
        "trained on make it too good",
        "image     photos/1.jpg: Plum 75.0 %, Apple 25.0 % - unlike anything trained on",
    ]


def test_many_predictions_are_counted():
    """The most frequent classes, and how many there are besides."""
    outcome = Outcome(Counter(a=900, b=80, c=70, d=60, e=50, f=2, g=1), unlike=3, rejected=2)
    assert shown(outcome.findings()) == [
        "images    1,163 recognised, 3 unlike anything trained on, 2 rejected",
        "classes   a 900, b 80, c 70, d 60, e 50 and 2 more",
    ]


NO_CLASSES = Balance({}, {}, [])


def test_a_check_ends_with_its_findings():
    """What was not looked for is named, too, and why."""
    checked = Checked(
        FindingTally(Counter(dark=3, blurry=1_200)), 4_000, 7, True, ["Training"], Thresholds(), NO_CLASSES
    )
    assert shown(checked.findings()) == [
        "images      4,000 measured, 7 without measures",
        "dark        3",
        "blurry      1,200",
        "not judged  leak: all images are of one split",
    ]


def test_a_check_without_findings_says_so():
    """Everything was looked for."""
    leaks, splits = FindingTally(Counter(leak=9)), ["Training", "Test"]
    few = Checked(leaks, 40, 0, True, splits, Thresholds(), NO_CLASSES, compared=16)
    assert "leaks     by 16 features; with fewer than 50 different photographs may seem the same" in shown(
        few.findings()
    )
    checked = Checked(FindingTally(), 40, 0, True, splits, Thresholds(), NO_CLASSES, compared=16)
    assert shown(checked.findings()) == ["images    40 measured", "findings  none"]


def test_a_grouping_ends_with_clusters_silhouette_and_agreement():
    """How clear the clusters are, and how well they fit the folders."""
    trial = Trial(2, 0.5, 1.0)
    assigned = Assigned(Counter({(1, "a"): 30, (2, "b"): 10}))
    found = Grouping([trial], trial, assigned, dict(zip(AGREEMENTS, (1.0, 1.0, 0.875), strict=True)), 40)
    assert shown(found.findings()) == [
        "clusters    2 of 10 to 30 images",
        "silhouette  0.500 (1: far apart, 0: on the border)",
        "folders     adjusted Rand 1.000, homogeneity 0.875 (1: the same, 0: by chance)",
    ]


def test_a_convergence_ends_with_what_all_images_need():
    """And with how much of it the largest sample finds."""
    steps = [Step(10, 30, [{kind: {0.8: 9} for kind in (False, True)}])]
    steps.append(Step(None, 900, [{False: {0.8: 4}, True: {0.8: 12}}]))
    assert shown(convergence_findings(steps, [0.8])) == [
        "images        900",
        "standardised  12 components for 80 % of the variance",
        "raw           4 components for 80 % of the variance",
        "growth        standardised, 10 images of each class need this share of these components: 75 % "
        "(for 80 % of the variance)",
        "              Near 100 % it has settled; below, it still grows with the sample",
    ]
