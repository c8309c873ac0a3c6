"""Every kind keeps its promises: size, visibility, colours, shapes that vary."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from numba import njit

from smartedit.errors import SceneError
from smartedit.world import march, parts
from smartedit.world.objects import KINDS, kind_of, rows_of
from smartedit.world.render import render
from smartedit.world.scene import COLOURS, MATERIALS, Object, Scene
from smartedit.world.shapes import shape_distance as compiled_shape_distance

# What only compiled functions call has no way in from Python of its own.
thing_distance = njit(lambda rows, x, y, z: march.thing_distance(rows, 0, len(rows), x, y, z))
part_distance = njit(lambda rows, x, y, z: march.part_distance(rows, 0, x, y, z))
shape_distance = njit(lambda shape, a, b, c, d, e, x, y, z: compiled_shape_distance(shape, a, b, c, d, e, x, y, z))


def thing(kind: str, **changes) -> Object:
    made = KINDS[kind]
    given = {"colour": made.colours[0], "material": made.materials[0], "x": 0.0, "z": 0.0} | changes
    return Object(id=f"{kind}-1", kind=kind, **given)


@njit(nogil=True)
def measured(rows, step, reach, top):
    """(greatest distance from the axis, greatest height, lowest point) inside an object, on a grid."""
    out, high, low = 0.0, 0.0, 0.0
    count, levels = int(reach / step), int(top / step)
    for i in range(-count, count + 1):
        for k in range(-count, count + 1):
            for j in range(-2, levels):
                x, y, z = i * step, (j + 0.5) * step, k * step
                if thing_distance(rows, x, y, z) < 0.0:
                    out, high, low = max(out, (x * x + z * z) ** 0.5), max(high, y), min(low, y)
    return out, high, low


def test_the_world_has_enough_kinds_of_every_category():
    assert len(KINDS) >= 44
    assert {kind.category for kind in KINDS.values()} == {
        "food", "kitchen", "household", "tools", "clothes", "animals", "toys", "vehicles"
    }  # fmt: skip
    assert all(name == kind.name for name, kind in KINDS.items())
    assert len({kind.plural for kind in KINDS.values()}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_colours_and_materials_exist(kind):
    made = KINDS[kind]
    assert made.colours and set(made.colours) <= set(COLOURS)
    assert made.materials and set(made.materials) <= set(MATERIALS)
    assert made.repaint or len(made.colours) >= 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("proportions", [(0, 0, 0), (1, 1, 1), (-1, -1, -1), (1, -1, 1)])
def test_a_kind_stays_within_its_stated_bounds_and_on_the_table(kind, proportions):
    out, high, low = measured(rows_of(thing(kind, proportions=proportions)), 0.04, 0.96, 1.3)
    assert 0.5 * KINDS[kind].radius < out <= KINDS[kind].radius
    assert 0.5 * KINDS[kind].height < high <= KINDS[kind].height
    assert low > -0.03


@pytest.mark.parametrize("kind", KINDS)
def test_the_boxes_that_the_renderer_searches_hold_the_whole_object(kind):
    rows = rows_of(thing(kind, yaw=0.7, size=1.2))
    low, high = parts.extent(rows)
    rng = np.random.default_rng(0)
    inside = [p for p in rng.uniform((-1, -0.1, -1), (1, 1.5, 1), (4000, 3)) if thing_distance(rows, *p) < 0]
    assert inside
    assert all((low <= p).all() and (p <= high).all() for p in inside)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_alone_in_the_middle_is_well_visible(kind):
    scene = Scene(0, (thing(kind),), "gray slate", "cream", "overcast")
    assert (render(scene, 128, samples=1).ids == 1).sum() * 4 >= 600


@pytest.mark.parametrize("kind", KINDS)
def test_proportions_colour_and_size_change_the_rows(kind):
    plain = rows_of(thing(kind))
    assert any(
        not np.array_equal(plain, rows_of(thing(kind, proportions=p))) for p in itertools.permutations((1, 0, 0))
    )
    assert np.allclose(rows_of(thing(kind, size=2.0))[:, parts.PX], 2 * plain[:, parts.PX])
    painted = {c: rows_of(thing(kind, colour=c))[:, parts.RED : parts.BLUE + 1] for c in ("red", "blue")}
    assert not np.array_equal(painted["red"], painted["blue"])


def test_yaw_turns_the_front_towards_plus_x():
    nose = parts.ball((0, 0, 1), 0.1)
    row = parts.place([nose], thing("egg", yaw=np.pi / 2))[0]
    assert np.allclose(row[parts.PX : parts.PZ + 1], (1, 0, 0))


def test_a_limb_reaches_from_start_to_end():
    rows = parts.place([parts.limb((0.1, 0.2, 0.3), (0.6, 0.5, -0.2), 0.05, 0.02)], thing("egg"))
    for end, radius in (((0.1, 0.2, 0.3), 0.05), ((0.6, 0.5, -0.2), 0.02)):
        assert part_distance(rows, *end) == pytest.approx(-radius, abs=1e-6)


def test_mirrored_and_across_parts_are_reflections():
    part = parts.wedge((0.2, 0.3, 0.1), 0.1, 0.2, 0.02, 0.05, turn=(20, 30, 40))
    for twins, flip in ((parts.mirrored(part), (-1, 1, 1)), (parts.across(part), (1, 1, -1))):
        one, other = (parts.place([p], thing("egg")) for p in twins)
        for point in np.random.default_rng(1).uniform(-0.5, 0.5, (50, 3)):
            there = part_distance(one, *point)
            assert part_distance(other, *(point * flip)) == pytest.approx(there, abs=1e-6)


@pytest.mark.parametrize("shape", range(10))
def test_a_distance_never_promises_more_room_than_there_is(shape):
    """Between two points the distance changes by no more than the way between them (ellipsoids need slack)."""
    size = {6: (0.4, 0.1, 1.0, 0.5, 0.0)}.get(shape, (0.3, 0.2, 0.25, 0.03, 0.02))
    rng = np.random.default_rng(shape)
    for start in rng.uniform(-0.8, 0.8, (300, 3)):
        way = rng.normal(size=3) * 0.02
        change = abs(shape_distance(shape, *size, *start) - shape_distance(shape, *size, *(start + way)))
        if shape_distance(shape, *size, *start) > 0:
            assert change <= 1.35 * np.linalg.norm(way) + 1e-6


@pytest.mark.parametrize(
    "change, word",
    [
        ({"kind": "dragon"}, "dragon"),
        ({"colour": "teal"}, "teal"),
        ({"material": "wool"}, "wool"),
        ({"size": 0.0}, "size"),
    ],
)
def test_an_impossible_object_is_refused_in_words(change, word):
    with pytest.raises(SceneError, match=word):
        kind_of(Object(**({"id": "a", "kind": "mug", "colour": "red", "x": 0.0, "z": 0.0} | change)))
