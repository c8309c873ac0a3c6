"""Who may see what: the rules that keep training, validation and test apart.

Three independent fences, each a pure function of its key so that no list can drift:

* **seeds**: every split owns a range of scene seeds;
* **combinations**: every (kind, colour, table surface) belongs to one split, and a scene holds only combinations of its
  own split;
* **paraphrases**: every way to word an operation belongs to one split (`wording_split`).

Knowledge has a fence of its own, `fact_role`: every fact is text in the language stage, a quarter at most occur in
training edits, the rest are kept for evaluation.
"""

from zlib import crc32

SPLITS = ("train", "validation", "test")

#: Scene seeds of each split.
SEEDS = {
    "train": range(0, 1_000_000_000),
    "validation": range(1_000_000_000, 1_100_000_000),
    "test": range(1_100_000_000, 1_200_000_000),
}


def split_of_seed(seed: int) -> str:
    """The split that owns a scene seed; `ValueError` for a seed that none owns."""
    for split, seeds in SEEDS.items():
        if seed in seeds:
            return split
    raise ValueError(f"seed {seed} belongs to no split; seeds run from 0 to {SEEDS['test'].stop - 1}")


def combination_split(kind: str, colour: str, table: str) -> str:
    """The split in which an object of this kind and colour may stand on this table surface (80 / 10 / 10)."""
    bucket = crc32(f"{kind}|{colour}|{table}".encode()) % 10
    return {0: "test", 1: "validation"}.get(bucket, "train")


def wording_split(wording: str) -> str:
    """The split in which this way of wording an operation may be used (70 / 15 / 15)."""
    bucket = crc32(f"wording|{wording}".encode()) % 20
    return "test" if bucket < 3 else "validation" if bucket < 6 else "train"


def fact_role(fact: str) -> str:
    """`"edit"` for the facts that may occur in training edits (at most 25 %), else the split that evaluates them."""
    bucket = crc32(f"fact|{fact}".encode()) % 20
    return "edit" if bucket < 4 else "validation" if bucket < 10 else "test"
