"""What the tests of this folder share: a made-up published checkpoint, and what the converter makes of it."""

from made_checkpoint import converted, others, published

__all__ = ["converted", "others", "published"]
