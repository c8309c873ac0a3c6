"""Edits as JSON: `{"op": "remove", "target": "knife-1"}`, `{"op": "resize", "target": ["mug-1"], "factor": 1.5}`."""

from __future__ import annotations

from dataclasses import MISSING, fields

from smartedit.errors import SceneError
from smartedit.world import edits
from smartedit.world.checks import require_known
from smartedit.world.objects import KINDS

#: Name of every operation -> its class.
OPS = {
    "remove": edits.Remove,
    "replace": edits.Replace,
    "recolour": edits.Recolour,
    "resize": edits.Resize,
    "move": edits.Move,
    "add": edits.Add,
    "surface": edits.Surface,
    "light": edits.Light,
    "paint": edits.Paint,
}


def op_of(edit) -> str:
    """The name of an edit's operation."""
    return next(name for name, kind in OPS.items() if type(edit) is kind)


def edit_to_json(edit) -> dict:
    """Plain data; `edit_from_json` gives the equal edit back. A single target is a string, several are a list."""
    data = {"op": op_of(edit)}
    for field in fields(edit):
        value = getattr(edit, field.name)
        if field.name == "targets":
            data["target"] = value[0] if len(value) == 1 else list(value)
        elif value != field.default:
            data[field.name] = value
    return data


def edit_from_json(data: object):
    """The edit that plain data describes. A missing colour of a new object is the usual one of its kind.

    Raises SceneError for anything else than an object with a known "op" and exactly the keys of that operation.
    """
    if not isinstance(data, dict) or "op" not in data:
        raise SceneError('an edit is a JSON object with an "op", like {"op": "remove", "target": "knife-1"}')
    require_known(data["op"], OPS, "operation")
    values = {("targets" if key == "target" else key): value for key, value in data.items() if key != "op"}
    if data["op"] in ("add", "replace") and "colour" not in values and values.get("kind") in KINDS:
        values["colour"] = KINDS[values["kind"]].colours[0]
    cls = OPS[data["op"]]
    _check_keys(data["op"], cls, values)
    return cls(**{field.name: _typed(field, values[field.name]) for field in fields(cls) if field.name in values})


def _check_keys(op: str, cls: type, values: dict) -> None:
    for key in values:
        require_known(key, [field.name for field in fields(cls)], f"key of the operation {op}")
    for field in fields(cls):
        if field.default is MISSING and field.name not in values:
            name = "target" if field.name == "targets" else field.name
            raise SceneError(f'the operation {op} needs "{name}"')


def _typed(field, value):
    """The value as its field wants it: ids as a tuple, numbers as float, the rest as it is."""
    name = "target" if field.name == "targets" else field.name
    if field.name == "targets":
        value = [value] if isinstance(value, str) else value
        if isinstance(value, list) and all(isinstance(id, str) for id in value):
            return tuple(value)
    elif field.type == "float" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    elif (field.type == "bool" and isinstance(value, bool)) or (field.type == "str | None" and (value is None or isinstance(value, str))) or (field.type == "str" and isinstance(value, str)):
        return value
    raise SceneError(f'the value of "{name}" has the wrong type: {str(value)[:40]!r}')
