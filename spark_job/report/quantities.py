"""How numbers are written in the report."""


def count(number: float) -> str:
    """Write `61488` as `61,488`."""
    return f"{number:,.0f}"


def percent(share: float, decimals: int = 1) -> str:
    """Write `0.2345` as `23.4 %`, with a space that does not break."""
    return f"{100 * share:.{decimals}f}\N{NO-BREAK SPACE}%"


def duration(seconds: float) -> str:
    """Write `3725.0` as `1 h 2 min`, `75.2` as `1 min 15 s`, `4.25` as `4.2 s`."""
    space = "\N{NO-BREAK SPACE}"
    if seconds < 59.95:
        return f"{seconds:.1f}{space}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{space}min {rest}{space}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,}{space}h {minutes}{space}min"


def speed(images_per_second: float) -> str:
    """Write `1234.5` as `1,234`, `12.34` as `12.3`, `0.123` as `0.12`, `0.0` as `0`."""
    if images_per_second >= 100 or images_per_second == 0:
        return f"{images_per_second:,.0f}"
    return f"{images_per_second:.1f}" if images_per_second >= 1 else f"{images_per_second:.2f}"
