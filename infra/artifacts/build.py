"""The build: each artifact is made once for its inputs."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from infra.artifacts.catalogue import Recipe
from infra.artifacts.manifest import NotBuiltError, built_file, built_now, read_manifest, write_manifest


def build(recipes: Iterable[Recipe], dist: Path, say: Callable[[str], None]) -> None:
    """Build each artifact whose file in `dist` is not there for these inputs, and record it.

    The manifest is written after each one, so that a failure leaves what is done.

    Raises:
        InfraError: one cannot be built.
        OSError: `dist` cannot be written.
    """
    dist.mkdir(parents=True, exist_ok=True)
    for recipe in recipes:
        if _is_built(recipe, dist):
            say(f"{recipe.name:<11} {dist / recipe.file} is up to date")
            continue
        begun = time.monotonic()
        recipe.build(dist / recipe.file)
        entry = built_now(dist / recipe.file, recipe.inputs)
        write_manifest(dist, {**read_manifest(dist), recipe.name: entry})
        seconds = time.monotonic() - begun
        say(f"{recipe.name:<11} {dist / recipe.file} {entry.bytes / 1e6:,.1f} MB, {seconds:.1f} s")


def _is_built(recipe: Recipe, dist: Path) -> bool:
    try:
        built_file(dist, recipe.name, recipe.inputs)
    except NotBuiltError:
        return False
    return True
