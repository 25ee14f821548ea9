"""The figures as a table that fits a terminal."""

from typing import Any

from benchmarks.figures import Figure


def table(figures: list[Figure], machine: dict[str, Any]) -> str:
    """Name, median, range over the rounds, target and verdict of each figure; the machine below."""
    rows = [("figure", "median", "rounds", "target", ""), *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = []
    for row in rows:
        name, *numbers = (row[column] for column in range(4))
        cells = [name.ljust(widths[0]), *(n.rjust(w) for n, w in zip(numbers, widths[1:], strict=True))]
        lines.append("  ".join([*cells, row[4]]).rstrip())
    lines.insert(1, "-" * max(len(line) for line in lines))
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    lines += [
        "",
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"Python {machine['python']}",
        versions,
    ]
    return "\n".join(lines)


def _row(figure: Figure) -> tuple[str, str, str, str, str]:
    numbers = [_number(value) for value in sorted(figure.values)]
    median = "-" if figure.value is None else f"{_number(figure.value)} {figure.unit}".rstrip()
    spread = f"{numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else ""
    target = "" if figure.target is None else f"{figure.target[0]} {figure.target[1]:g}"
    return figure.name, median, spread, target, figure.verdict


def _number(value: float) -> str:
    if 0 < abs(value) < 0.001:
        return f"{value:.0e}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
