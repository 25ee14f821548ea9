"""How numbers and names are written for people."""

import numpy as np

NO_CLASS = "(no class)"


def class_name(label: str) -> str:
    """Return the label as people read it; an image directly in the root folder has none."""
    return label or NO_CLASS


def count(number: float) -> str:
    """Write `61488` as `61,488`."""
    return f"{number:,.0f}"


def percent(share: float, decimals: int = 1) -> str:
    """Write `0.2345` as `23.4 %`, with a space that does not break."""
    return f"{100 * share:.{decimals}f}\N{NO-BREAK SPACE}%"


def component_title(ratio: np.ndarray, index: int) -> str:
    """Return `Component 1 (23.4 % of the variance)`; the index counts from 0."""
    share = f" ({percent(float(ratio[index]))} of the variance)" if index < len(ratio) else ""
    return f"Component {index + 1}{share}"


def duration(seconds: float) -> str:
    """Write `3725.0` as `1 h 2 min`, `75.2` as `1 min 15 s`, `4.25` as `4.2 s`."""
    space = "\N{NO-BREAK SPACE}"
    if seconds < 59.95:
        return f"{seconds:.1f}{space}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, part = divmod(minutes, 60)
    return f"{hours:,}{space}h {part}{space}min" if hours else f"{minutes}{space}min {rest}{space}s"


def speed(images_per_second: float) -> str:
    """Write `1234.5` as `1,234`, `12.34` as `12.3`, `0.123` as `0.12`, `0.0` as `0`."""
    if images_per_second >= 100 or images_per_second == 0:
        return f"{images_per_second:,.0f}"
    return f"{images_per_second:.1f}" if images_per_second >= 1 else f"{images_per_second:.2f}"
