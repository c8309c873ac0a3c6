"""Edits: what they change and what they leave alone, their JSON form, and how senseless ones are refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smartedit.errors import SceneError
from smartedit.world.describe import describe
from smartedit.world.edit_json import OPS, edit_from_json, edit_to_json, op_of
from smartedit.world.edits import (
    PAINTS,
    Add,
    Light,
    Move,
    Paint,
    Recolour,
    Remove,
    Replace,
    Resize,
    Surface,
    changed_region,
)
from smartedit.world.proposals import groups_of, possible_groups, propose
from smartedit.world.render import object_masks, render
from smartedit.world.sampling import sample_scene
from smartedit.world.scene import Mirror, Object, Scene


def scene_of(*things: tuple, mirror: Mirror | None = None) -> Scene:
    """A plain scene of (id, colour, x, z) objects; the kind is the id without its number."""
    objects = tuple(Object(id, id.split("-")[0], colour, x, z) for id, colour, x, z in things)
    return Scene(1, objects, "oak wood", "cream", "day", mirror=mirror)


MUGS = scene_of(("mug-1", "red", -0.6, 0.0), ("mug-2", "blue", 0.6, 0.2))
GLASS = Mirror(0.0, 0.8, 2.2, 1.2)
MIRRORED = replace(MUGS, mirror=GLASS)


def shadow_reach(scene: Scene, changed: Scene, margin: float = 0.35) -> np.ndarray:
    """Pixels (64 x 64) near any object that the edit touched, before or after, direct or mirrored."""
    near = np.zeros((64, 64), bool)
    for one, other in ((scene, changed), (changed, scene)):
        kept = {*other.objects, *(other.shown_in_mirror)}
        for thing in describe(one, render(one, 64))["objects"]:
            if one[thing["id"]] in kept and one[thing["id"]] in other.objects:
                continue
            for box in filter(None, (thing["box"], thing["mirror_box"])):
                x0, y0, x1, y1 = (int(round(64 * v)) for v in np.add(box, (-margin, -margin, margin, margin)))
                near[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = True
    return near


def some_edit(seed: int, op: str):
    """A scene and a possible edit of this operation for it."""
    for attempt in range(40):
        scene = sample_scene(1000 * seed + attempt)
        rng = np.random.default_rng([seed, attempt])
        described = describe(scene, render(scene, 64))
        groups = [group for group in possible_groups(described) if group in groups_of(op) and group != "mirror"]
        edit = propose(op, str(rng.choice(groups)), scene, described, "train", rng) if groups else None
        try:
            return scene, edit, edit.apply(scene)
        except (SceneError, AttributeError):
            continue
    raise AssertionError(f"no {op} found for seed {seed}")


@given(st.integers(0, 8), st.sampled_from(["remove", "replace", "recolour", "resize", "move", "add"]))
def test_nothing_far_from_the_edited_objects_changes(seed, op):
    scene, _, changed = some_edit(seed, op)
    moved = changed_region(render(scene, 64).picture, render(changed, 64).picture)
    assert moved.any()
    assert not (moved & ~shadow_reach(scene, changed)).any()


@given(st.integers(0, 30), st.sampled_from([op for op in OPS]))
def test_json_round_trip_and_untouched_objects(seed, op):
    scene, edit, changed = some_edit(seed, op)
    assert edit_from_json(edit_to_json(edit)) == edit
    assert op_of(edit) == op == edit_to_json(edit)["op"]
    targets = getattr(edit, "targets", ())
    untouched = tuple(thing for thing in scene.objects if thing.id not in targets)
    assert untouched == tuple(thing for thing in changed.objects if thing in untouched)
    assert edit.alternatives(scene, 3)[0] == changed == edit.apply(scene)


@given(st.integers(0, 8), st.sampled_from(["move", "add"]))
def test_all_right_answers_differ_and_keep_the_relation(seed, op):
    scene, edit, _ = some_edit(seed, op)
    answers = edit.alternatives(scene, 6)
    assert len(set(answers)) == len(answers) <= 6
    for answer in answers:
        thing = next(thing for thing in answer.objects if thing not in scene.objects)
        if edit.anchor is None:
            sides = {"on the left": thing.x < 0, "on the right": thing.x > 0}
            assert sides.get(edit.relation, True)
            continue
        anchor = scene[edit.anchor]
        ahead = {
            "left of": anchor.x - thing.x,
            "right of": thing.x - anchor.x,
            "in front of": thing.z - anchor.z,
            "behind": anchor.z - thing.z,
        }
        assert ahead[edit.relation] > 0


def test_each_edit_does_what_it_says():
    assert [o.id for o in Remove(("mug-1",)).apply(MUGS).objects] == ["mug-2"]
    assert Recolour(("mug-1",), "green").apply(MUGS)["mug-1"] == replace(MUGS["mug-1"], colour="green")
    assert Resize(("mug-2",), 1.2).apply(MUGS)["mug-2"] == replace(MUGS["mug-2"], size=1.2)
    assert Surface("wall", "brick").apply(MUGS) == replace(MUGS, wall="brick")
    assert Light("overcast").apply(MUGS) == replace(MUGS, light="overcast")
    swapped = Replace(("mug-1",), "apple", "green").apply(MUGS).objects[0]
    assert (swapped.id, swapped.kind, swapped.colour, swapped.x, swapped.z) == ("apple-1", "apple", "green", -0.6, 0.0)
    assert Add("apple", "red", "behind", "mug-1").apply(MUGS).objects[-1].id == "apple-1"
    assert Move(("mug-1",), "on the right").apply(MUGS)["mug-1"].x > 0.45


def test_replacing_several_gives_each_its_own_id():
    objects = Replace(("mug-1", "mug-2"), "apple", "red").apply(MUGS).objects
    assert [o.id for o in objects] == ["apple-1", "apple-2"]


def test_mirror_edits_change_only_what_the_mirror_shows():
    changed = Recolour(("mug-1",), "green", mirror=True).apply(MIRRORED)
    assert changed.objects == MIRRORED.objects
    assert [o.colour for o in changed.shown_in_mirror] == ["green", "blue"]
    before, after = render(MIRRORED, 96), render(changed, 96)
    moved = changed_region(before.picture, after.picture)
    assert moved[before.ids == -1].mean() > 0.5
    assert not moved[before.ids == 1].any()


def test_a_lying_mirror_follows_the_table_for_the_other_objects():
    lying = Remove(("mug-1",), mirror=True).apply(MIRRORED)
    after = Recolour(("mug-2",), "green").apply(lying)
    assert after.shown_in_mirror == (after["mug-2"],)
    assert Recolour(("mug-1",), "green").apply(lying).shown_in_mirror == (lying["mug-2"],)


def test_painting_mixes_half_and_half_inside_the_target():
    rendered = render(MUGS, 64)
    masks = object_masks(MUGS, rendered)
    painted = Paint(("mug-1",), "yellow").paint(rendered.picture, masks)
    inside = masks["mug-1"]
    expected = (rendered.picture[inside].astype(int) + PAINTS["yellow"]) // 2
    assert np.array_equal(painted[inside], expected)
    assert np.array_equal(painted[~inside], rendered.picture[~inside])


CROWD = scene_of(*((f"die-{i}", "white", 0.4 * (i % 7) - 1.2, 0.42 * (i // 7) - 0.8) for i in range(24)))

REFUSED = [
    (Remove(("knife-3",)), MUGS, "there is no knife-3 in this scene; it has mug-1 and mug-2"),
    (Remove(()), MUGS, "at least one target"),
    (Remove(("mug-1",), mirror=True), MUGS, "no mirror in this scene"),
    (Recolour(("mug-1",), "red"), MUGS, "the mug is already red"),
    (Recolour(("mug-1",), "turquoise"), MUGS, "unknown colour 'turquoise'"),
    (Replace(("mug-1",), "mug", "red"), MUGS, "already a red mug"),
    (Replace(("mug-1",), "aple", "red"), MUGS, "did you mean apple"),
    (Replace(("mug-1",), "banana", "silver"), MUGS, "a banana cannot be silver; it can be yellow"),
    (Resize(("mug-1",), 1.0), MUGS, "other than 1"),
    (Resize(("mug-1",), float("nan")), MUGS, "other than 1"),
    (Resize(("mug-1",), 3.0), MUGS, "too large"),
    (Move(("mug-1",), "left of", "mug-1"), MUGS, "relative to itself"),
    (Move(("mug-1",), "left of", "mug-9"), MUGS, "there is no mug-9"),
    (Move(("mug-1",), "above", "mug-2"), MUGS, "unknown relation"),
    (Move(("mug-1",), "on the left"), MUGS, "the mug is already on the left"),
    (Move(("mug-1", "mug-2"), "on the left"), MUGS, "only one object"),
    (Add("pan", "black", "left of", "mug-1"), scene_of(("mug-1", "red", -1.3, 0.0)), "no room to the left of the mug"),
    (Add("apple", "red", "in the middle"), CROWD, "the table is full"),
    (Surface("floor", "brick"), MUGS, "unknown part"),
    (Surface("wall", "brik"), MUGS, "did you mean brick"),
    (Surface("wall", "cream"), MUGS, "already cream"),
    (Light("day"), MUGS, "already day"),
    (Paint(("mug-1",), "orange"), MUGS, "unknown paint"),
]


@pytest.mark.parametrize(("edit", "scene", "words"), REFUSED, ids=[words for *_, words in REFUSED])
def test_senseless_edits_are_refused_in_words(edit, scene, words):
    for act in (edit.check, edit.apply):
        with pytest.raises(SceneError) as refusal:
            act(scene)
        assert words in str(refusal.value)
        assert "\n" not in str(refusal.value) and not str(refusal.value).endswith(".")


BAD_JSON = [
    ([], "an edit is a JSON object"),
    ({"target": "mug-1"}, "an edit is a JSON object"),
    ({"op": "remov", "target": "mug-1"}, "did you mean remove"),
    ({"op": ["remove"]}, "unknown operation"),
    ({"op": "remove"}, 'needs "target"'),
    ({"op": "remove", "target": 3}, "wrong type"),
    ({"op": "remove", "target": "mug-1", "colour": "red"}, "unknown key of the operation remove 'colour'"),
    ({"op": "resize", "target": "mug-1", "factor": "2"}, "wrong type"),
    ({"op": "light", "to": None}, "wrong type"),
]


@pytest.mark.parametrize(("data", "words"), BAD_JSON, ids=[words for _, words in BAD_JSON])
def test_json_that_is_no_edit_is_refused_in_words(data, words):
    with pytest.raises(SceneError, match=words):
        edit_from_json(data)


def test_json_forms():
    assert edit_to_json(Remove(("mug-1",))) == {"op": "remove", "target": "mug-1"}
    assert edit_from_json({"op": "remove", "target": ["mug-1", "mug-2"]}) == Remove(("mug-1", "mug-2"))
    assert edit_from_json({"op": "add", "kind": "banana", "relation": "on the left"}).colour == "yellow"
