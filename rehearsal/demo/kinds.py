"""The kinds of fruit that the demo shows: outline, skin, shine and stem of each."""

from dataclasses import dataclass

from rehearsal.demo import outlines, skins
from rehearsal.demo.outlines import Outline
from rehearsal.demo.skins import Skin


@dataclass(frozen=True)
class Kind:
    """One class of the archive.

    Attributes:
        shine: How much of the light it throws back as a highlight, 0 to 1.
        relief: How far it bulges, as a share of its size; a cut face hardly does.
        stem: Height of the foot of its stem in the fruit's plane; None: it has none.
    """

    name: str
    outline: Outline
    skin: Skin
    shine: float = 0.3
    relief: float = 0.8
    stem: float | None = None


_KIWI = ((0.0, "#e9eec0"), (0.07, "#a9c94a"), (0.55, "#7fb02d"), (0.9, "#6b4f2c"))
_WATERMELON = ((0.0, "#e8344c"), (0.72, "#f0707a"), (0.8, "#f2f4d8"), (0.88, "#2f7d38"))
_STRAWBERRY = skins.seeded("#c9142b", "#e2303a", "#f3d27a", spacing=0.115)

KINDS = (
    Kind(
        "Apple Green",
        outlines.dented(0.8, 0.76, 0.25),
        skins.blushed("#8dbb3a", "#c3d65a", reach=0.4),
        shine=0.5,
        stem=0.55,
    ),
    Kind(
        "Apple Red",
        outlines.dented(0.8, 0.78, 0.28),
        skins.blushed("#d9b34a", "#b3131f", reach=0.85, streaks=0.5),
        shine=0.5,
        stem=0.56,
    ),
    Kind(
        "Banana",
        outlines.crescent(1.05, 0.3, 1.0),
        skins.tipped(skins.mottled("#f2cf3b", "#a97a24", frequency=6, strength=0.35), "#5a4520", 0.78),
        shine=0.15,
    ),
    Kind(
        "Blueberry",
        outlines.ellipse(0.62, 0.6),
        skins.mottled("#27336b", "#8a9ac9", frequency=5, strength=0.7),
        shine=0.12,
    ),
    Kind(
        "Cherry",
        outlines.dented(0.58, 0.55, 0.2),
        skins.mottled("#7d0a1c", "#b51a2e", frequency=3, strength=0.6),
        shine=0.8,
        stem=0.38,
    ),
    Kind(
        "Grape Blue",
        outlines.bunch(15, 0.22, seed=4),
        skins.mottled("#3c2350", "#7a5f93", frequency=6, strength=0.6),
        shine=0.45,
        relief=0.28,
    ),
    Kind("Kiwi", outlines.ellipse(0.72, 0.78), skins.cut(_KIWI, seeds=22, at=0.2), shine=0.2, relief=0.12),
    Kind(
        "Lemon",
        outlines.pointed(0.62, 0.9),
        skins.mottled("#f4d928", "#d3a916", frequency=22, strength=0.4),
        shine=0.35,
    ),
    Kind(
        "Lime",
        outlines.pointed(0.6, 0.74),
        skins.mottled("#4f8f2a", "#8fb745", frequency=18, strength=0.5),
        shine=0.4,
    ),
    Kind(
        "Orange",
        outlines.ellipse(0.82, 0.8),
        skins.mottled("#f08a1c", "#c9630f", frequency=30, strength=0.45),
        shine=0.3,
    ),
    Kind(
        "Peach",
        outlines.dented(0.76, 0.74, 0.15),
        skins.blushed("#f4bd6a", "#d4553f", reach=0.5),
        shine=0.06,
    ),
    Kind(
        "Pear",
        outlines.necked(0.68, 0.86),
        skins.blushed("#c8c04a", "#a9843a", reach=0.35),
        shine=0.25,
        stem=0.8,
    ),
    Kind(
        "Pineapple",
        outlines.crowned(outlines.ellipse(0.52, 0.66), 0.48),
        skins.crowned_with(skins.scaled("#d99a2b", "#6a4a1c", spacing=0.085), "#4d7f3a", 0.56),
        shine=0.1,
        relief=0.55,
    ),
    Kind(
        "Plum",
        outlines.ellipse(0.62, 0.74),
        skins.mottled("#4a1f4f", "#7d4f86", frequency=3, strength=0.7),
        shine=0.25,
    ),
    Kind(
        "Strawberry",
        outlines.tapered(0.62, 0.82, -0.42),
        skins.crowned_with(_STRAWBERRY, "#4f9135", 0.58),
        shine=0.45,
    ),
    Kind(
        "Watermelon Slice",
        outlines.half_disc(0.95),
        skins.cut(_WATERMELON, seeds=14, at=0.45),
        shine=0.15,
        relief=0.06,
    ),
)
