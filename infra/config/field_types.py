"""The kinds of values that fields take: how each is read from text, and in words what it allows."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from infra.config.schedule import checked_schedule
from spark_job.contract.image_names import LABELS
from spark_job.contract.run_options import RunOptions


def allowed(words: str) -> Any:
    """Say in words what a field takes, where its type does not say it."""
    return Field(json_schema_extra={"allowed": words})


def _split(value: Any) -> Any:
    """Read `a, b` as a list; whatever is no text stays as it is."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _split_pairs(value: Any) -> Any:
    """Read `a=b, c=d` as a mapping; a part without `=` has no value and is refused later."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in _split(value)]
    return {name.strip(): text.strip() for name, _, text in pairs}


def job_option(name: str) -> Any:
    """Make the field of an option of the job: default, range and words are those of the job's own table."""
    option = RunOptions.option(name)
    return Field(
        option.default,
        description=option.help,
        gt=option.above,
        ge=option.least,
        le=option.most,
        pattern=f"^({'|'.join(option.choices)})$" if option.choices else None,
        allow_inf_nan=False if option.kind is float else None,
        json_schema_extra={"allowed": ", ".join(option.choices)} if option.choices else None,
    )


SEPARATED = BeforeValidator(_split)
PAIRS = BeforeValidator(_split_pairs)

Stage = Literal["dev", "prod"]
# The regions of the European Union. London (eu-west-2) and Zurich (eu-central-2) are not in it.
# https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
Region = Literal["eu-central-1", "eu-north-1", "eu-south-1", "eu-south-2", "eu-west-1", "eu-west-3"]
# Releases with Spark 3.5.6, for which the job is tested, and Python 3.11.
# https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-release-app-versions-7.x.html
ReleaseLabel = Literal["emr-7.11.0", "emr-7.12.0", "emr-7.13.0"]
Model = Literal["mobilenet_v2", "vgg16", "resnet50", "efficientnet_lite0", "raw_pixels"]
NetworkShape = Literal["public", "private"]
RemovalPolicy = Literal["destroy", "retain"]
Applications = Annotated[tuple[Literal["JupyterEnterpriseGateway", "JupyterHub", "Livy"], ...], SEPARATED]
# What CloudWatch Logs accepts; the log bucket follows.
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
LogRetentionDays = Annotated[
    Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400],
    BeforeValidator(lambda value: int(value) if isinstance(value, str) else value),
]

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
AmountUsd = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]
Account = Annotated[str, StringConstraints(pattern=r"^\d{12}$"), allowed("12 digits")]
Email = Annotated[str, Field(pattern=r"^[^@\s,]+@[^@\s,]+\.[^@\s,.]+$"), allowed("one e-mail address")]
VpcId = Annotated[str, Field(pattern=r"^vpc-[0-9a-f]{8,17}$"), allowed("vpc-…, with `account` given")]
KmsKeyArn = Annotated[
    str,
    StringConstraints(pattern=r"^arn:aws:kms:[a-z0-9-]+:\d{12}:key/[0-9a-zA-Z-]+$"),
    allowed("arn:aws:kms:REGION:ACCOUNT:key/ID, in `region`"),
]
SourceName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$"),
    allowed("names of lower-case letters, digits and '-', 30 characters at most"),
]
SourceNames = Annotated[tuple[SourceName, ...], SEPARATED, Field(min_length=1, max_length=10)]
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
BucketName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
SourceBuckets = Annotated[
    dict[SourceName, BucketName], PAIRS, allowed("SOURCE=BUCKET, of names in `image_sources`")
]
Labels = Annotated[
    str,
    StringConstraints(pattern=rf"^({LABELS.pattern}|s3://[a-z0-9][a-z0-9.-]+/.+\.(csv|tsv|parquet))$"),
    allowed("folder, folder:N, path, none, or s3://BUCKET/KEY of a table in an image bucket"),
]
RunName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"),
    allowed("letters, digits, '.', '_' and '-', 64 characters at most"),
]
PrincipalArn = Annotated[
    str,
    StringConstraints(pattern=r"^arn:aws:iam::\d{12}:(user|role)/[\w+=,.@/-]+$"),
    allowed("arn:aws:iam::ACCOUNT:user/NAME or role/NAME"),
]
PrincipalArns = Annotated[tuple[PrincipalArn, ...], SEPARATED]
Schedule = Annotated[
    str,
    AfterValidator(checked_schedule),
    allowed("a cron expression of EventBridge with one minute of the hour, such as `0 3 ? * MON-FRI *`"),
]
TransitCertificates = Annotated[
    str,
    StringConstraints(pattern=r"^(self-signed|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/\S+\.zip)$"),
    allowed("self-signed (made per deployment), or s3://BUCKET/KEY.zip of PEM files"),
]
InstanceType = Annotated[
    str,
    allowed("types of infra/config/instance_types.json in `region`, with a price in infra/costs/prices.json"),
]
InstanceTypes = Annotated[tuple[InstanceType, ...], SEPARATED, Field(min_length=1, max_length=15)]
Reason = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=10), allowed("10 characters at least")
]
WeightsFile = Annotated[str, allowed("an existing file, or `random` for trials")]
