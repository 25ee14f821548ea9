"""How classes look: a colour-blind safe colour and a marker symbol for each."""

import math
from dataclasses import dataclass

# Okabe & Ito, "Color Universal Design" (https://jfly.uni-koeln.de/color/), without yellow, which
# vanishes on white when only an outline is drawn; their black is "ink", the colour of the text, so
# that it shows on a dark page as well.
INK = "ink"
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", INK, "#E69F00", "#56B4E9")
LINE_COLOURS = tuple(colour for colour in COLOURS if colour != INK)  # for charts of a few lines
Outline = tuple[tuple[float, float], ...]
_UP: Outline = ((0, -0.9), (0.95, 0.7), (-0.95, 0.7))
_ARM = 0.33
_CROSS: Outline = (
    *((-_ARM, -0.95), (_ARM, -0.95), (_ARM, -_ARM), (0.95, -_ARM), (0.95, _ARM), (_ARM, _ARM)),
    *((_ARM, 0.95), (-_ARM, 0.95), (-_ARM, _ARM), (-0.95, _ARM), (-0.95, -_ARM), (-_ARM, -_ARM)),
)
_HOURGLASS: Outline = ((-0.8, -0.9), (0.8, -0.9), (-0.8, 0.9), (0.8, 0.9))
# In an order in which neighbours differ much.
_NAMES = (
    "circle square triangle-up diamond cross circle-open star triangle-down square-open x triangle-up-open "
    "hourglass triangle-left diamond-open bowtie triangle-right cross-open triangle-down-open star-open"
)


@dataclass(frozen=True)
class Symbol:
    """A marker: its name in plotly.js and its outline within -1..1, y pointing down as in SVG."""

    name: str
    outline: Outline
    filled: bool = True


@dataclass(frozen=True)
class ClassStyle:
    """The look of one class: `colour` is an index into COLOURS, `symbol` one into SYMBOLS."""

    label: str
    colour: int
    symbol: int


def _regular(corners: int, start_degrees: float, radii: tuple[float, ...] = (1.0,)) -> Outline:
    """Return points around a circle; `radii` gives their distances from the centre in turn."""
    angles = [math.radians(start_degrees + 360 * i / corners) for i in range(corners)]
    return tuple(
        (round(radii[i % len(radii)] * math.cos(a), 3), round(radii[i % len(radii)] * math.sin(a), 3))
        for i, a in enumerate(angles)
    )


def _rotated(outline: Outline, degrees: float) -> Outline:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return tuple((round(x * cos - y * sin, 3), round(x * sin + y * cos, 3)) for x, y in outline)


_OUTLINES = {
    "circle": _regular(24, 0, (0.85,)),
    "square": ((-0.8, -0.8), (0.8, -0.8), (0.8, 0.8), (-0.8, 0.8)),
    "diamond": _regular(4, 0, (1.0,)),
    "star": _regular(10, -90, (1.0, 0.42)),
    "hourglass": _HOURGLASS,
    "cross": _CROSS,
    "x": _rotated(_CROSS, 45),
    "bowtie": _rotated(_HOURGLASS, 90),
    "triangle-up": _UP,
    "triangle-down": _rotated(_UP, 180),
    "triangle-left": _rotated(_UP, -90),
    "triangle-right": _rotated(_UP, 90),
}
SYMBOLS = tuple(
    Symbol(name, _OUTLINES[name.removesuffix("-open")], filled=not name.endswith("-open"))
    for name in _NAMES.split()
)

# 7 colours and 19 symbols have no common divisor, so stepping through both at once gives
# 7 * 19 = 133 different looks, and classes next to each other differ in colour and in symbol.
LOOK_COUNT = len(COLOURS) * len(SYMBOLS)


def class_styles(labels: list[str]) -> dict[str, ClassStyle]:
    """Return a look for each distinct label, in alphabetical order; looks repeat after LOOK_COUNT labels."""
    names = sorted(set(labels), key=lambda name: (name.casefold(), name))
    return {one: ClassStyle(one, i % len(COLOURS), i % len(SYMBOLS)) for i, one in enumerate(names)}
