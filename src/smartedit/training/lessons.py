"""What a step of each stage is given: random choices, words as token ids, true places, drawn from the cache on the CPU.

One function a stage, `(shop, rng, batch) -> Batch`. None touches a part of the model, so that processes beside a GPU can
draw lessons ahead of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from smartedit.conversation import first_turn, picture_start
from smartedit.data.asked import Asked, ask_aloud, asked_of, recolour_words, smudged, turned
from smartedit.data.landings import RELATIONS
from smartedit.data.mixture import Mixture
from smartedit.data.sample import Batch, EditBatch, Landed, PictureBatch, Standing, TextBatch, pad_branches
from smartedit.data.vision_language import knowledge_conversations, picture_turns
from smartedit.errors import TrainingError
from smartedit.models.mllm import EDIT_TOKENS
from smartedit.models.presets import get_preset
from smartedit.training.workshop import Workshop
from smartedit.world.lexicon import NOUNS
from smartedit.world.questions import caption, region_phrases
from smartedit.world.scene import COLOURS
from smartedit.world.surfaces import LIGHTS, TABLES, WALLS

MIXTURE, PAINTED = Mixture(), Mixture(editing=0.75, perception=0.10, complex=0.15)
#: Share of the samples of `base`, `joint` and `edit` that are recoloured things.
RECOLOURED = 0.2
#: Share of `base`'s texts that are the grounded reply instead of the instruction: it learns what places in words mean.
GROUNDED = 0.75
#: Share of `base`'s samples whose UNet is shown the true region, as the feature that BIM will supply later.
POINTED = 0.9
#: Questions and edits about one picture in `language`, edits about one in `align` and `point`; pairs of one in `edit`.
QUESTIONS, EDITS, READ, TOGETHER = 4, 4, 6, 2
#: Share of pictures that are shown with left and right exchanged where only the language side learns.
TURNED = 0.5
#: Pixels by which views are moved in `clip`.
JITTER = 5
#: How uncertain `sprite` leaves where things are, as a standard deviation, of 2 for the side of the picture.
UNSURE = 0.01
#: What edit tokens are read after, because the model's replies are not perfect: the share of its own, and of right ones smudged.
OWN, SMUDGED = 0.5, 0.2
#: What patches can be called; one past the end stands for "nothing".
KINDS, PAINTS = list(NOUNS), list(COLOURS)
#: Words of tables, walls and lights that are not colours.
SETTINGS = sorted({word for name in (*TABLES, *WALLS, *LIGHTS) for word in name.split()} - {*PAINTS, *KINDS})


@dataclass
class Named(Batch):
    """Patches with one owner and as many empty ones.

    rows, places: (N,), which picture and which of its patches; kinds, colours: (N,), indices into `KINDS` and `PAINTS`.
    """

    rows: Tensor
    places: Tensor
    kinds: Tensor
    colours: Tensor


@dataclass
class Seen(Batch):
    """view: (B, 3, V, V) in 0 ... 255, moved a little; captions of the pictures; the phrase of every patch of `named`, ""
    where there is no object, None where it is too hidden to talk about."""

    view: Tensor
    named: Named
    captions: list[str]
    phrases: list[str | None]


@dataclass
class Talk(Batch):
    """view: (B, 3, V, V) uint8, the turns about each picture packed behind it (the last `EDITS` ask for edits), which of the
    edits' places are known, these, and which are whole (as in `Places`), and conversations without a picture."""

    view: Tensor
    named: Named
    turns: TextBatch
    known: Tensor
    where: Tensor
    whole: Tensor
    knowledge: TextBatch


@dataclass
class Newcomers(Batch):
    """What comes in the place of things, as a sprite draws it: `colour` (B, colours), one is 1; `mean` (B, 3), `under` and `shown`
    (B, 3, c, c) in -1 ... 1 (see `draw_replaced`); where it and the old thing stand; and other things that are put somewhere. Measures
    are as uncertain as a UNet is."""

    colour: Tensor
    mean: Tensor
    under: Tensor
    shown: Tensor
    standing: Standing
    landed: Landed


@dataclass
class Painting(Batch):
    """Pairs with the text that tells each; shown: (B, 1, h, w), where a UNet is pointed at, 0 where `pointed` (B,) is False."""

    pairs: EditBatch
    texts: list[str]
    pointed: Tensor
    shown: Tensor


@dataclass
class Places(Batch):
    """view: (B, 3, V, V) uint8 with `READ` edits each, their replies, and, of the edits `known` (K,) among these, the share of
    every patch that belongs to what is edited, `where` (K, 1, side, side), and whether nothing else changes, `whole` (K,)."""

    view: Tensor
    replies: list[str]
    known: Tensor
    where: Tensor
    whole: Tensor


@dataclass(frozen=True)
class Exchange:
    """An instruction and the reply that its edit tokens are read after, None where that is whatever the model replies; only a
    right reply is `learned`."""

    said: str
    heard: str | None
    learned: bool


@dataclass
class Reading(Places):
    """The same with the exchanges about every picture."""

    exchanges: list[list[Exchange]]


@dataclass
class Listening(Batch):
    """What an object head shall hear: pictures as in `Reading`, the exchanges about each, what a text encoder is told of the same edits,
    their replies, without boxes of what is new somewhere, and the relations in which that stands."""

    view: Tensor
    exchanges: list[list[Exchange]]
    texts: list[str]
    replies: list[str]
    relations: list[str]


@dataclass
class Edit(Batch):
    """Pairs, `TOGETHER` of each picture of `view` (B / TOGETHER, 3, V, V), and the exchanges about each that ask for them."""

    pairs: EditBatch
    view: Tensor
    exchanges: list[list[Exchange]]


def autoencoder(shop: Workshop, rng: np.random.Generator, batch: int) -> Tensor:
    """Random crops (B, 3, 128, 128) of pictures, in [-1, 1]."""
    pictures = shop.extra["pictures"]
    top, left = rng.integers(0, 129, size=2)
    crops = pictures[rng.integers(len(pictures), size=batch), top : top + 128, left : left + 128]
    return torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 127.5 - 1


def clip(shop: Workshop, rng: np.random.Generator, batch: int) -> Seen:
    """Pictures, some seen from behind, moved a little."""
    pictures = shop.train.pictures(rng.integers(len(shop.train.scenes), size=batch))
    pictures = pictures.flipped(torch.from_numpy(rng.random(batch) < TURNED))
    rows, places, owner = _owned_patches(pictures)
    names = [region_phrases(described) for described in pictures.described]
    told = [
        names[i].get(pictures.described[i]["objects"][k - 1]["id"]) if k else ""
        for i, k in zip(rows.tolist(), owner.tolist(), strict=True)
    ]
    captions = [caption(described, rng) for described in pictures.described]
    return Seen(_jittered(pictures.view, rng), _named(pictures), captions, told)


def _jittered(view: Tensor, rng: np.random.Generator) -> Tensor:
    """Views moved by a few pixels and made a little lighter or darker: too little to change what fills a patch."""
    padded = F.pad(view.float(), (JITTER,) * 4, mode="replicate")
    side = view.shape[-1]
    shifts = rng.integers(0, 2 * JITTER + 1, size=(len(view), 2)).tolist()
    moved = [one[:, y : y + side, x : x + side] for one, (y, x) in zip(padded, shifts, strict=True)]
    gain = torch.from_numpy(rng.uniform(0.85, 1.15, (len(view), 1, 1, 1)).astype(np.float32))
    return (torch.stack(moved) * gain).clamp(0, 255)


def _owned_patches(pictures: PictureBatch) -> tuple[Tensor, Tensor, Tensor]:
    """Patches that belong to one object, and as many empty ones: the pictures they are of, which patches, their owners."""
    empty, keep = (pictures.patches == 0).nonzero(), (pictures.patches > 0).nonzero()
    rows, places = torch.cat([keep, empty[:: max(1, len(empty) // max(len(keep), 1))]]).T
    return rows, places, pictures.patches[rows, places]


def _named(pictures: PictureBatch) -> Named:
    rows, places, owner = _owned_patches(pictures)
    things = [pictures.described[i]["objects"][k - 1] if k else None for i, k in zip(rows.tolist(), owner.tolist(), strict=True)]
    kinds, colours = (
        torch.tensor([words.index(thing[key]) if thing else len(words) for thing in things], dtype=torch.long)
        for key, words in (("kind", KINDS), ("colour", PAINTS))
    )
    return Named(rows, places, kinds, colours)


def language(shop: Workshop, rng: np.random.Generator, batch: int) -> Talk:
    """Turns about pictures, questions and edits, and conversations about what things are for."""
    scenes, pictures, turned = _some_pictures(shop, rng, max(1, batch // (QUESTIONS + EDITS)))
    edits = asked_of(shop.train, scenes, pictures, turned, EDITS, rng)
    rows = [
        [first_turn(shop.tokenizer, *turn) for turn in picture_turns(described, rng, QUESTIONS, "train")]
        + [first_turn(shop.tokenizer, one.instruction, one.reply, edit_tokens=1) for one in asked]
        for described, asked in zip(pictures.described, edits, strict=True)
    ]
    knowledge = knowledge_conversations(shop.tokenizer, max(1, batch // 8), rng, QUESTIONS + EDITS)
    return Talk(pictures.view, _named(pictures), _packed(shop, rows), *_known(edits), knowledge)


def _some_pictures(shop: Workshop, rng: np.random.Generator, count: int) -> tuple[list[int], PictureBatch, Tensor]:
    """Random scenes, their pictures, and which of these show left and right exchanged."""
    scenes = [int(i) for i in rng.integers(len(shop.train.scenes), size=count)]
    turned = torch.from_numpy(rng.random(count) < TURNED)
    return scenes, shop.train.pictures(scenes).flipped(turned), turned


def listening(shop: Workshop, rng: np.random.Generator, batch: int) -> Listening:
    """Pictures with any edits of them, which nobody carries out, after the model's own replies."""
    pictures = shop.train.pictures(rng.integers(len(shop.train.scenes), size=max(1, batch // READ)))
    said, replies, relations = zip(*(ask_aloud(described, rng) for described in pictures.described for _ in range(READ)), strict=True)
    exchanges = [Exchange(one, None, learned=False) for one in said]
    texts = [reply if rng.random() < GROUNDED else one for one, reply in zip(said, replies, strict=True)]
    rows = [exchanges[i : i + READ] for i in range(0, len(exchanges), READ)]
    return Listening(pictures.view, rows, texts, list(replies), list(relations))


def _packed(shop: Workshop, rows: list) -> TextBatch:
    return pad_branches(picture_start(shop.tokenizer), rows)


def sprite(shop: Workshop, rng: np.random.Generator, batch: int) -> Newcomers:
    """Things in others' place, and things put somewhere."""
    some, put = (_rows_of(stored, rng, batch) for stored in (shop.train.replaced, shop.train.landings))
    under, shown = (some[key].float() / 127.5 - 1 for key in ("under", "shown"))
    standing = Standing(some["kind"], some["was"], some["measures"], some["place"], some["stood"])
    return Newcomers(some["colour"], some["mean"], under, shown, standing, Landed(**put | {"moved": put["moved"][:, None]}))


def _rows_of(stored: dict[str, np.ndarray], rng: np.random.Generator, count: int) -> dict[str, Tensor]:
    """Random rows of stored arrays: numbers of words as rows of which one is 1, measures not quite sure."""
    if not stored:
        raise TrainingError("nothing stands in another's place or lands anywhere; build more pairs")
    rows = rng.integers(len(next(iter(stored.values()))), size=count)
    some = {key: torch.from_numpy(every[rows]) for key, every in stored.items()}
    words = {"kind": KINDS, "was": KINDS, "colour": PAINTS, "relation": RELATIONS}
    some |= {key: F.one_hot(some[key], len(words[key])).float() for key in some.keys() & words.keys()}
    for key in sorted(some.keys() & {"measures", "beside", "meant"}):
        some[key] = some[key] + torch.from_numpy(rng.normal(0, UNSURE, some[key].shape).astype(np.float32))
    return some


def base(shop: Workshop, rng: np.random.Generator, batch: int) -> Painting:
    """Pairs told by their instruction or by the grounded reply, some of these seen from behind; most are pointed at their region."""
    recoloured = int((rng.random(batch) < RECOLOURED).sum()) if shop.train.things else 0
    pairs = shop.train.edits(PAINTED.draw(shop.train, batch - recoloured, rng))
    if recoloured:
        pairs = pairs.with_more(shop.train.recolourings(recoloured, rng))
    grounded = rng.random(batch) < GROUNDED
    pairs = _turned(shop, pairs, grounded & (rng.random(batch) < TURNED))
    texts = [reply if g else said for g, said, reply in zip(grounded, pairs.instruction, pairs.reply, strict=True)]
    pointed = torch.from_numpy(rng.random(batch) < POINTED)
    return Painting(pairs, texts, pointed, _pointing(pairs.region, rng) * pointed[:, None, None, None])


def _turned(shop: Workshop, pairs: EditBatch, rows: np.ndarray) -> EditBatch:
    """The same with left and right exchanged in some rows, in pictures and replies; their instructions no longer hold."""
    if not rows.any():
        return pairs
    chosen, brush = torch.from_numpy(rows), shop.brush

    def turn(maps: Tensor, how: Callable[[Tensor], Tensor]) -> Tensor:
        return maps.masked_scatter(chosen.view(-1, 1, 1, 1), how(maps[chosen]))

    return replace(
        pairs,
        source=turn(pairs.source, brush.turned),
        target=turn(pairs.target, brush.turned),
        region=turn(pairs.region, lambda maps: maps.flip(-1)),
        meant=turn(pairs.meant, lambda maps: maps.flip(-1)),
        beside=turn(pairs.beside, lambda maps: maps.flip(-1)),
        reply=[turned(reply) if row else reply for reply, row in zip(pairs.reply, rows, strict=True)],
    )


def _pointing(region: Tensor, rng: np.random.Generator) -> Tensor:
    """True regions (B, 1, h, w) as a model that is not quite sure would show them: on the coarse grid of its patches, fainter,
    with a fainter hint of another place. The UNet so learns to decide for the strongest."""

    def some(low: float, high: float, share: float, otherwise: float) -> Tensor:
        chosen, values = rng.random((2, len(region), 1, 1, 1))
        return torch.from_numpy(np.where(chosen < share, low + (high - low) * values, otherwise).astype(np.float32))

    seen = torch.where(some(0, 1, 0.75, 1.0) < 1, coarse(region), region)
    shown = some(0.5, 1.1, 0.6, 1.0) * seen
    return torch.maximum(shown, some(0.0, 0.45, 0.4, 0.0) * seen.roll(1, 0))


def coarse(region: Tensor) -> Tensor:
    """Maps (B, 1, h, w) as the patches of the view can show them."""
    side = math.isqrt(get_preset("tiny").patches)
    return F.interpolate(F.interpolate(region, size=(side, side), mode="area"), size=region.shape[-2:], mode="bilinear")


def point(shop: Workshop, rng: np.random.Generator, batch: int) -> Places:
    """Pictures with edits whose replies have smudged boxes, so that who reads them looks for kinds and colours itself."""
    pictures, edits = _some_edits(shop, rng, batch)
    return Places(pictures.view, [smudged(one.reply, rng) for row in edits for one in row], *_known(edits))


def align(shop: Workshop, rng: np.random.Generator, batch: int) -> Reading:
    """Pictures with edits, the right replies, and the exchanges to read."""
    pictures, edits = _some_edits(shop, rng, batch)
    replies = [one.reply for row in edits for one in row]
    exchanges = [[_exchange(one.instruction, one.reply, rng) for one in row] for row in edits]
    return Reading(pictures.view, replies, *_known(edits), exchanges)


def _some_edits(shop: Workshop, rng: np.random.Generator, batch: int) -> tuple[PictureBatch, list[list[Asked]]]:
    """Random pictures with `READ` edits each."""
    scenes, pictures, turned = _some_pictures(shop, rng, max(1, batch // READ))
    return pictures, asked_of(shop.train, scenes, pictures, turned, READ, rng)


def _known(edits: list[list[Asked]]) -> tuple[Tensor, Tensor, Tensor]:
    """Which edits' places are known, these places, and which of them are whole."""
    every = [one for row in edits for one in row]
    known = [i for i, one in enumerate(every) if one.where is not None]
    side = math.isqrt(get_preset("tiny").patches)
    where = np.stack([every[i].where for i in known]) if known else np.zeros((0, side * side), np.float32)
    whole = torch.tensor([every[i].whole for i in known], dtype=torch.bool)
    return torch.tensor(known, dtype=torch.long), torch.from_numpy(where).view(-1, 1, side, side), whole


def _exchange(said: str, right: str, rng: np.random.Generator) -> Exchange:
    """An edit with a reply that is the model's own, smudged or right."""
    draw = rng.random()
    if draw < OWN:
        return Exchange(said, None, learned=False)
    return Exchange(said, smudged(right, rng), learned=False) if draw < OWN + SMUDGED else Exchange(said, right, learned=True)


def turns_of(shop: Workshop, exchanges: list[list[Exchange]], own: Sequence[str]) -> TextBatch:
    """The exchanges about every picture as turns with all edit tokens; `own` replies stand in for None, in order."""
    replies = iter(own)

    def turn(one: Exchange) -> tuple[list[int], list[int]]:
        heard = next(replies) if one.heard is None else one.heard
        return first_turn(shop.tokenizer, one.said, heard, EDIT_TOKENS, learned=one.learned)

    return _packed(shop, [[turn(one) for one in row] for row in exchanges])


def edit(shop: Workshop, rng: np.random.Generator, batch: int) -> Edit:
    """Pairs of the mixture and recoloured things, several of each picture."""
    pictures = max(1, batch // TOGETHER)
    recoloured = int((rng.random(pictures) < RECOLOURED).sum()) if shop.train.things else 0
    chosen = MIXTURE.draw(shop.train, pictures - recoloured, rng)
    pairs = shop.train.edits([other for pair in chosen for other in shop.train.together(pair, TOGETHER, rng)])
    if recoloured:
        pairs = pairs.with_more(shop.train.recolourings_as_seen(recoloured, TOGETHER, recolour_words, rng))
    exchanges = [_exchange(said, right, rng) for said, right in zip(pairs.instruction, pairs.reply, strict=True)]
    rows = [exchanges[i : i + TOGETHER] for i in range(0, len(exchanges), TOGETHER)]
    return Edit(pairs, pairs.view[::TOGETHER], rows)
