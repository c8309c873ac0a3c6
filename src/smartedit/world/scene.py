"""Scenes as plain data: what stands where, on which table, before which wall, in which light.

Units: the table is the plane y = 0, x runs to the right, y up, z towards the camera; an ordinary object is about 0.5
units high. Angles are radians. Everything is a frozen dataclass with an exact JSON round trip.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from smartedit.errors import SceneError

#: Colour name -> linear RGB in [0, 1]. Order is the order in which colours are listed to people.
COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.70, 0.03, 0.03),
    "orange": (0.92, 0.24, 0.015),
    "yellow": (0.90, 0.64, 0.03),
    "green": (0.05, 0.34, 0.07),
    "blue": (0.03, 0.10, 0.60),
    "purple": (0.24, 0.04, 0.38),
    "pink": (0.90, 0.26, 0.42),
    "brown": (0.17, 0.075, 0.03),
    "black": (0.02, 0.02, 0.024),
    "white": (0.84, 0.84, 0.81),
    "gray": (0.20, 0.205, 0.22),
    "silver": (0.42, 0.44, 0.48),
    "gold": (0.68, 0.40, 0.06),
}

MATERIALS = ("matte", "glossy", "metal")


@dataclass(frozen=True)
class Object:
    """One thing on the table.

    `size` multiplies the kind's normal size (0.6 ... 1.6); `yaw` turns it about the vertical; `proportions` are three
    numbers in [-1, 1] that vary the shape within its kind.
    """

    id: str
    kind: str
    colour: str
    x: float
    z: float
    size: float = 1.0
    yaw: float = 0.0
    material: str = "glossy"
    proportions: tuple[float, float, float] = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Mirror:
    """A framed mirror on the wall: centre (x, y) and size in world units."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Camera:
    """Eye position, the point looked at, and the tangent of half the field of view."""

    eye: tuple[float, float, float] = (0.0, 1.9, 3.9)
    target: tuple[float, float, float] = (0.0, 0.3, -0.1)
    spread: float = 0.31


@dataclass(frozen=True)
class Scene:
    """A whole picture before it is painted.

    `table`, `wall` and `light` are names in `smartedit.world.surfaces`. `reflected` is what the mirror shows when that
    differs from what stands on the table (the paper's mirror edits); None means the mirror tells the truth.
    """

    seed: int
    objects: tuple[Object, ...]
    table: str
    wall: str
    light: str
    camera: Camera = Camera()
    mirror: Mirror | None = None
    reflected: tuple[Object, ...] | None = None

    def __getitem__(self, id: str) -> Object:
        for thing in self.objects:
            if thing.id == id:
                return thing
        raise SceneError(f"the scene has no object {id!r}; it has {', '.join(o.id for o in self.objects) or 'none'}")

    @property
    def shown_in_mirror(self) -> tuple[Object, ...]:
        """The objects as the mirror shows them."""
        return self.objects if self.reflected is None else self.reflected

    def with_objects(self, objects: tuple[Object, ...]) -> Scene:
        """This scene with other objects on the table."""
        return replace(self, objects=objects)

    def to_json(self) -> dict:
        """Plain lists, dicts, strings and numbers; `from_json` gives the equal scene back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict) -> Scene:
        """A scene from `to_json` or from a `scene.json` (extra keys of a description are ignored).

        Raises SceneError when a key is missing or of the wrong type.
        """
        try:
            return cls(
                seed=int(data["seed"]),
                objects=tuple(_object(o) for o in data["objects"]),
                table=str(data["table"]),
                wall=str(data["wall"]),
                light=str(data["light"]),
                camera=_camera(data["camera"]),
                mirror=None if data.get("mirror") is None else Mirror(**_floats(data["mirror"])),
                reflected=None if data.get("reflected") is None else tuple(_object(o) for o in data["reflected"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise SceneError(f"not a scene: {type(error).__name__} {error}; write one with: smartedit world sample") from error


def _floats(data: dict) -> dict:
    return {key: float(value) for key, value in data.items()}


def _camera(data: dict) -> Camera:
    eye, target = (tuple(float(v) for v in data[key]) for key in ("eye", "target"))
    return Camera(eye=eye, target=target, spread=float(data["spread"]))


def _object(data: dict) -> Object:
    return Object(
        id=str(data["id"]),
        kind=str(data["kind"]),
        colour=str(data["colour"]),
        x=float(data["x"]),
        z=float(data["z"]),
        size=float(data["size"]),
        yaw=float(data["yaw"]),
        material=str(data["material"]),
        proportions=tuple(float(p) for p in data["proportions"]),
    )
