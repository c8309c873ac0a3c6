"""A procedural world of tabletop still lifes in which the truth of every edit can be rendered (numpy + numba, no torch)."""
