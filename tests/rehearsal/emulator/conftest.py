"""One AWS of the rehearsal for all tests here, and both stages deployed to it by the CDK command line."""

import hashlib
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from infra.checkout import ROOT
from rehearsal.commands.control import set_command
from rehearsal.emr.conditions import Conditions
from rehearsal.emulator.process import NODE, Server
from rehearsal.settings import ACCOUNT, BOOTSTRAPPER, DATA_SCIENTIST, DEPLOYER, LOOPBACK
from tests.rehearsal.emulator.quick_clusters import tester_file

CDK = ROOT / "node_modules" / ".bin" / "cdk"
STAGES = ("dev", "prod")
TESTER = "tester"
QUICK_EMR = "tests.rehearsal.emulator.quick_clusters:make"
# Any other host: a call that leaves the loopback interface fails at once.
NOWHERE = "http://127.0.0.1:9"
PROXIES = {
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"), NOWHERE),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), LOOPBACK),
}


@dataclass(frozen=True)
class Aws:
    """The server, and what tests do with it."""

    server: Server

    def client(self, service: str) -> Any:
        """boto3's, unmodified, of one who may do everything: tests look at everything."""
        return self.client_of(service, self.keys_of(TESTER))

    def keys_of(self, person: str) -> Sequence[str]:
        """Of one of the account's people, or of the tester; where nothing is checked, the one pair."""
        settings = self.server.settings
        if person == TESTER and settings.checks_permissions:
            return tester_file(settings).read_text().splitlines()
        return settings.keys_of(DEPLOYER if person == TESTER else person)

    def client_of(self, service: str, keys: Sequence[str]) -> Any:
        """boto3's, unmodified, with these keys: id, secret and, of a role, token."""
        make: Any = boto3.client
        return make(
            service,
            endpoint_url=self.server.settings.endpoint,
            region_name=self.server.settings.region,
            aws_access_key_id=keys[0],
            aws_secret_access_key=keys[1],
            aws_session_token=keys[2] if len(keys) > 2 else None,
        )

    def role(self, arn: str, sts: Any) -> list[str]:
        """Keys of a role for whoever the client is of."""
        taken = sts.assume_role(RoleArn=arn, RoleSessionName="tests")["Credentials"]
        return [taken[name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]

    def submitter(self, stage: str) -> Sequence[str]:
        """Keys of the submitter's role of a stage, which a data scientist has taken."""
        described = self.client("cloudformation").describe_stacks(
            StackName=f"fruit-features-{stage}-pipeline"
        )
        outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Stacks"][0]["Outputs"]}
        sts = self.client_of("sts", self.keys_of(DATA_SCIENTIST))
        return self.role(outputs["SubmitRoleArn"], sts)

    def run(
        self, *command: str | Path, keys: Sequence[str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """A program that has nothing but the rehearsal's environment, the deployer's or with these keys."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            **PROXIES,
            **self.environment_with(keys or self.keys_of(DEPLOYER)),
            "PATH": os.pathsep.join([str(NODE), os.environ["PATH"]]),
        }
        return subprocess.run(
            [str(part) for part in command],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=900,
        )

    def run_as_node(
        self, command: Sequence[str], node: Mapping[str, str]
    ) -> subprocess.CompletedProcess[str]:
        """A program that has nothing but the environment of a node."""
        here = self.server.settings.region
        region = {"AWS_REGION": here, "AWS_DEFAULT_REGION": here, "PATH": os.environ["PATH"], **PROXIES}
        return subprocess.run(
            command, cwd=ROOT, env={**region, **node}, capture_output=True, text=True, timeout=60
        )

    def environment_with(self, keys: Sequence[str]) -> dict[str, str]:
        """Of a program with these keys."""
        names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
        return {**self.server.settings.client_environment(), **dict(zip(names, keys, strict=False))}

    def cdk(self, assembly: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The CDK command line with a synthesised application."""
        return self.run(CDK, *arguments, "--app", assembly, "--no-notices", "--ci")

    def bootstrap(self, *options: str | Path) -> None:
        """CDK's bootstrap, once, by who may do it."""
        words = ["bootstrap", f"aws://{ACCOUNT}/eu-west-3", "--no-notices", *options]
        done = self.run(CDK, *words, keys=self.keys_of(BOOTSTRAPPER))
        assert done.returncode == 0, done.stderr

    def deploy(self, assembly: Path) -> subprocess.CompletedProcess[str]:
        """All of an application's stacks."""
        return self.cdk(assembly, "deploy", "--all", "--require-approval", "never", "--concurrency", "2")


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory):
    """AWS with the rehearsal's EMR, whose programs end at once; no other host can be reached from it."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in PROXIES.items():
            patch.setenv(name, value)
        with Server(tmp_path_factory.mktemp("home"), emr=QUICK_EMR) as server:
            yield Aws(server)


@pytest.fixture
def tell(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Set what the account is like, as a person does; afterwards it is as it was."""
    for name, value in aws.server.settings.client_environment().items():
        monkeypatch.setenv(name, value)

    def tell(*settings: str) -> None:
        assert set_command.callback
        set_command.callback(settings)

    yield tell
    tell(*(f"{name}={json.dumps(value)}" for name, value in asdict(Conditions()).items()))


@pytest.fixture(scope="session")
def assemblies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both stages synthesised, with artifacts of no bytes, since nothing runs here.

    Clusters stay warm for a week: other tests of this server let a day pass.
    """
    folder = tmp_path_factory.mktemp("assemblies")
    return {stage: synthesised(stage, folder / stage, idle_timeout_minutes="10080") for stage in STAGES}


def synthesised(stage: str, folder: Path, **context: str) -> Path:
    """An application's assembly."""
    from infra.application import build_app
    from infra.checkout import cdk_json_context

    build_app({**cdk_json_context(), "stage": stage, **context}, outdir=folder).synth()
    with zipfile.ZipFile(folder / "empty.zip", "w"):
        pass
    for assets in folder.glob("*.assets.json"):
        manifest = json.loads(assets.read_text())
        for file in manifest["files"].values():
            if "executable" in file["source"]:
                file["source"] = {"path": "empty.zip", "packaging": "file"}
        assets.write_text(json.dumps(manifest))
    return folder


@pytest.fixture(scope="session")
def bootstrapped(aws: Aws, assemblies: dict[str, Path]) -> Aws:
    """An account that CDK can deploy to."""
    if not CDK.exists():
        pytest.fail("the CDK command line is not installed: `make synth` installs it")
    aws.bootstrap("--app", assemblies["dev"])
    return aws


@dataclass(frozen=True)
class Deployed:
    """Both stages, and what the command line said of each."""

    aws: Aws
    assemblies: dict[str, Path]
    output: dict[str, str]


@pytest.fixture(scope="session")
def deployed(bootstrapped: Aws, assemblies: dict[str, Path]) -> Deployed:
    """Both stages, deployed side by side."""
    with ThreadPoolExecutor() as pool:
        deploys = dict(zip(assemblies, pool.map(bootstrapped.deploy, assemblies.values()), strict=True))
    output = {stage: done.stdout + done.stderr for stage, done in deploys.items()}
    for stage, done in deploys.items():
        assert done.returncode == 0, output[stage]
    return Deployed(bootstrapped, assemblies, output)


@dataclass
class Changed:
    """A copy of an assembly whose pipeline's template a test changes."""

    folder: Path
    stack: str
    changes: int = 0

    def cluster(self, change: Callable[[dict[str, Any]], None]) -> Path:
        """Change the cluster's properties; the template gets another key, as `cdk synth` would give it."""
        path = self.folder / f"{self.stack}.template.json"
        template = json.loads(path.read_text())
        (found,) = (one for one in template["Resources"].values() if one["Type"] == "AWS::EMR::Cluster")
        change(found["Properties"])
        path.write_text(json.dumps(template))
        self.changes += 1
        manifests = [self.folder / f"{self.stack}.assets.json", self.folder / "manifest.json"]
        files = json.loads(manifests[0].read_text())["files"]
        (key,) = (name for name, file in files.items() if file["source"]["path"] == path.name)
        other = hashlib.sha256(f"{key}{self.changes}".encode()).hexdigest()
        for manifest in manifests:
            manifest.write_text(manifest.read_text().replace(key, other))
        return self.folder


@pytest.fixture
def changed(deployed: Deployed, tmp_path: Path) -> Callable[[str], Changed]:
    """Of a stage."""

    def copy(stage: str) -> Changed:
        folder = Path(shutil.copytree(deployed.assemblies[stage], tmp_path / stage))
        return Changed(folder, f"fruit-features-{stage}-pipeline")

    return copy
