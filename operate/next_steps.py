"""What a deploy made, and which commands come next."""

from collections.abc import Mapping

from infra.contract import outputs
from infra.contract.names import STACK_PARTS, stack_name

Outputs = Mapping[str, Mapping[str, str]]


def next_steps(stage: str, deployed: Outputs, region: str | None = None) -> str:
    """Return the text that ends a deploy: outputs of every stack, run id, commands.

    Args:
        stage: Whose stacks it is about.
        deployed: Stack name to output name to value, as `--outputs-file` holds them.
        region: Given by `-c region=…` and not by cdk.json; the commands that follow need it as well.
    """
    lines = []
    for part in STACK_PARTS:
        name = stack_name(stage, part)
        lines += [name, *_aligned(deployed.get(name, {})), ""]
    values = {name: value for stack in deployed.values() for name, value in stack.items()}
    run = values.get(outputs.RUN_ID, "none")
    return "\n".join([*lines, f"run {run}", "", "next", *_aligned(_commands(stage, values, region))])


def _commands(stage: str, values: Mapping[str, str], region: str | None) -> dict[str, str]:
    where = f"--stage={stage}" + (f" --region={region}" if region else "")
    destroy = f"make destroy STAGE={stage}" + (f" CONTEXT='-c region={region}'" if region else "")
    source = values.get(outputs.IMAGE_SOURCES, "images").split(",")[0]
    run = values.get(outputs.RUN_ID, "RUN_ID")
    return {
        "upload images": f"fruit upload PHOTOGRAPHS --source={source} {where}",
        "run on them": f"fruit submit --wait {where}",
        "how it goes": f"fruit status {run} {where}",
        "what it says": f"fruit logs {run} {where}",
        "the results": f"fruit fetch {run} --to=results {where}",
        "tear down": destroy,
    }


def _aligned(pairs: Mapping[str, str]) -> list[str]:
    width = max(map(len, pairs), default=0)
    return [f"  {name:<{width}}  {value}" for name, value in pairs.items()]
