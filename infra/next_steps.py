"""What a deploy made and which commands come next, from the outputs that `cdk deploy` wrote."""

from collections.abc import Mapping

from infra import outputs
from infra.naming import stack_name

Outputs = Mapping[str, Mapping[str, str]]


def next_steps(stage: str, deployed: Outputs, region: str | None = None) -> str:
    """The text that ends a deploy: outputs of every stack, run id, commands.

    Args:
        stage: whose stacks to tell of.
        deployed: stack name to output name to value, as `--outputs-file` holds them.
        region: given by `-c region=…` and not by cdk.json; the commands that follow need it as well.
    """
    lines = []
    for part in ("storage", "monitoring", "pipeline"):
        name = stack_name(stage, part)
        lines += [f"{name}", *_aligned(deployed.get(name, {})), ""]
    every = {name: value for stack in deployed.values() for name, value in stack.items()}
    lines += [
        f"run {every.get(outputs.RUN_ID, 'none')}",
        "",
        "next",
        *_aligned(_commands(stage, every, region)),
    ]
    return "\n".join(lines)


def _commands(stage: str, values: Mapping[str, str], region: str | None) -> dict[str, str]:
    operate = f".venv/bin/python -m operate --stage={stage}" + (f" --region={region}" if region else "")
    destroy = f"make destroy STAGE={stage}" + (f" CONTEXT='-c region={region}'" if region else "")
    source = values.get(outputs.IMAGE_SOURCES, "images").split(",")[0]
    run = values.get(outputs.RUN_ID, "RUN_ID")
    return {
        "upload images": f"{operate} upload PHOTOGRAPHS --source={source}",
        "run on them": f"{operate} submit --wait",
        "how it goes": f"{operate} status {run}",
        "what it says": f"{operate} logs {run}",
        "the results": f"{operate} fetch {run} --to=results",
        "tear down": destroy,
    }


def _aligned(pairs: Mapping[str, str]) -> list[str]:
    width = max(map(len, pairs), default=0)
    return [f"  {name:<{width}}  {value}" for name, value in pairs.items()]
