"""Data forgets itself in time, and what `destroy` does with it is said."""

from datetime import UTC, datetime, timedelta

import pytest

from infra.errors import ConfigError
from rehearsal.emulator.lifecycle import Rule, VersionedBucket
from tests.infrastructure.storage_template import buckets, named, rules
from tests.infrastructure.synthesis import only, synthesise


def test_every_bucket_keeps_versions_and_forgets_unfinished_uploads_and_delete_markers(stage) -> None:
    """No overwritten object, half upload or marker stays for ever anywhere."""
    for properties in (body["Properties"] for body in buckets(stage).values()):
        assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
        expiring, markers, *ends = rules(properties)
        assert expiring["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
        assert expiring["NoncurrentVersionExpiration"]["NoncurrentDays"] <= 7
        assert markers["ExpiredObjectDeleteMarker"] is True
        assert not {"Prefix", "TagFilters"} & (set(expiring) | set(markers))
        assert all(set(end) == {"ExpirationInDays", "Id", "Prefix", "Status"} for end in ends)


@pytest.mark.parametrize(("context", "days"), [({}, 14), ({"retention_days": 5}, 5)])
def test_images_their_versions_and_replicas_are_gone_within_the_retention(context, days) -> None:
    """Hidden, then removed, each rounded up to a midnight: together no later than `retention_days`."""
    stacks = synthesise(stage="prod", **context)
    for properties in (named(stacks, "ImagesBucketImages"), named(stacks, "ReplicaBucketImages")):
        expiring, _ = rules(properties)
        hidden = expiring["ExpirationInDays"] + 1  # up to the next midnight
        removed = expiring["NoncurrentVersionExpiration"]["NoncurrentDays"] + 1
        assert hidden + removed == days


def test_nothing_of_a_photograph_is_older_than_promised_in_a_year(dev) -> None:
    """Uploaded, overwritten, deleted, half uploaded, and looked at every midnight; markers go as well."""
    bucket = VersionedBucket([as_s3_answers(rule) for rule in rules(named(dev, "ImagesBucketImages"))])
    begin = datetime(2026, 1, 1, 17, 30, tzinfo=UTC)
    oldest = oldest_marker = oldest_upload = timedelta()
    for day in range(365):
        now = begin + timedelta(days=day)
        for number, late in enumerate((0, 3, 12)):  # new; overwritten 3 days later; deleted 12 days later
            bucket.put(f"{day}-{number}", now)
            if day >= late > 0:
                bucket.put(f"{day - late}-{number}", now, is_marker=number == 2)
        bucket.uploads[f"{day}"] = now
        midnight = now.replace(hour=0, minute=0) + timedelta(days=1)
        versions = [one for found in bucket.objects.values() for one in found]
        oldest = max(oldest, *(midnight - one.created for one in versions if not one.is_marker))
        markers = [midnight - one.created for one in versions if one.is_marker]
        oldest_marker = max([oldest_marker, *markers])
        oldest_upload = max([oldest_upload, *(midnight - begun for begun in bucket.uploads.values())])
        bucket.midnight(midnight)
    assert timedelta(days=13) < oldest < timedelta(days=14)
    assert timedelta(days=1) < oldest_marker < timedelta(days=14)
    assert oldest_upload < timedelta(days=2)


def as_s3_answers(rule) -> Rule:
    """A rule of a template, whose names CloudFormation chose."""
    names = {"Days": "ExpirationInDays", "ExpiredObjectDeleteMarker": "ExpiredObjectDeleteMarker"}
    return Rule.of({**rule, "Expiration": {name: rule.get(its) for name, its in names.items()}})


def test_a_retention_that_s3_cannot_keep_is_refused() -> None:
    """A version cannot be gone sooner than four days after its upload."""
    expiring, _ = rules(named(synthesise(stage="dev", retention_days=4), "ImagesBucketImages"))
    assert expiring["ExpirationInDays"] == 1
    with pytest.raises(ConfigError, match="retention_days=3: "):
        synthesise(stage="dev", retention_days=3)


def test_results_and_logs_have_ends_of_their_own(dev) -> None:
    """Logs and access logs expire by their field, runs by theirs; artifacts stay, not their old versions."""
    stacks = synthesise(stage="dev", results_retention_days=100, log_retention_days=30)
    expirations = {
        start: rules(named(stacks, f"{start}Bucket"))[0].get("ExpirationInDays")
        for start in ("Logs", "AccessLogs", "Artifacts")
    }
    assert expirations == {"Logs": 30, "AccessLogs": 30, "Artifacts": None}
    assert _ends(stacks) == {"runs/": 100, "erasures/records/": 1095}
    assert _ends(dev)["runs/"] == 365


def _ends(stacks) -> dict[str, int]:
    """Prefix of the results' bucket to its days; the hashes of what was forgotten have no end."""
    return {rule["Prefix"]: rule["ExpirationInDays"] for rule in rules(named(stacks, "ResultsBucket"))[2:]}


def test_dev_empties_and_removes_its_buckets_and_says_so(dev) -> None:
    """Each bucket has its emptying, and the function's log ends with the stack."""
    assert {body["DeletionPolicy"] for body in buckets(dev).values()} == {"Delete"}
    emptied = dev.resources("storage", "Custom::S3AutoDeleteObjects")
    assert {body["Properties"]["BucketName"]["Ref"] for body in emptied.values()} == set(buckets(dev))
    function = only(list(dev.resources("storage", "AWS::Lambda::Function").values()))
    log_id, log = only(list(dev.resources("storage", "AWS::Logs::LogGroup").items()))
    assert function["Properties"]["LoggingConfig"] == {"LogGroup": {"Ref": log_id}}
    assert log["DeletionPolicy"] == "Delete"
    assert dev.outputs("storage")["AfterDestroy"]["Value"] == (
        "every bucket of this stack is emptied and removed"
    )


def test_prod_keeps_its_data_and_says_so(prod) -> None:
    """Buckets and key outlive the stack, and nothing can empty them; a failed first deploy leaves none."""
    kept = [*buckets(prod).values(), *prod.resources("storage", "AWS::KMS::Key").values()]
    assert {(body["DeletionPolicy"], body["UpdateReplacePolicy"]) for body in kept} == {
        ("RetainExceptOnCreate", "Retain")
    }
    assert prod.resources("storage", "Custom::S3AutoDeleteObjects") == {}
    assert "stay" in prod.outputs("storage")["AfterDestroy"]["Value"]
