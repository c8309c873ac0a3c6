"""All kinds of things that can stand on the table."""

from __future__ import annotations

import numpy as np

from smartedit.errors import SceneError
from smartedit.world.kinds_animals import ANIMALS
from smartedit.world.kinds_food import FOOD
from smartedit.world.kinds_household import CLOTHES, HOUSEHOLD, TOOLS
from smartedit.world.kinds_kitchen import KITCHEN
from smartedit.world.kinds_toys import TOYS, VEHICLES
from smartedit.world.parts import Kind, place
from smartedit.world.scene import COLOURS, MATERIALS, Object

__all__ = ["KINDS", "Kind", "kind_of", "rows_of"]

#: Kind name -> kind, in the order in which kinds are listed to people.
KINDS: dict[str, Kind] = {
    kind.name: kind for kind in (*FOOD, *KITCHEN, *HOUSEHOLD, *TOOLS, *CLOTHES, *ANIMALS, *TOYS, *VEHICLES)
}


def kind_of(thing: Object) -> Kind:
    """The kind of an object; SceneError when its kind, colour or material is unknown or its size is not positive."""
    if thing.kind not in KINDS:
        raise SceneError(f"no kind {thing.kind!r} in the world; kinds are {', '.join(KINDS)}")
    if thing.colour not in COLOURS:
        raise SceneError(f"no colour {thing.colour!r} in the world; colours are {', '.join(COLOURS)}")
    if thing.material not in MATERIALS:
        raise SceneError(f"no material {thing.material!r} in the world; materials are {', '.join(MATERIALS)}")
    if not 0.05 <= thing.size <= 20:
        raise SceneError(f"{thing.id} has size {thing.size}; use 0.6 to 1.6")
    return KINDS[thing.kind]


def rows_of(thing: Object) -> np.ndarray:
    """The object's parts where it stands: float64 (n, COLUMNS), columns as named in `smartedit.world.parts`."""
    return place(kind_of(thing).build(thing.proportions), thing)
