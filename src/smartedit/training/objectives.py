"""From a step's random draw to its losses, one function a stage.

Names of losses that start with `~` are only reported; the others are added up.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from smartedit.conversation import first_turn, picture_start
from smartedit.data.asked import Asked, asked_of, real_asked, smudged
from smartedit.data.mixture import Mixture
from smartedit.data.sample import EditBatch, PictureBatch, pad_branches
from smartedit.data.vision_language import knowledge_conversations, picture_turns
from smartedit.models.mllm import EDIT_TOKENS, MLLMOutput
from smartedit.models.presets import get_preset
from smartedit.models.smartedit import Condition, Understanding
from smartedit.training.examine import pointing
from smartedit.training.loop import Draw
from smartedit.training.losses import (
    contrast,
    draw_timesteps,
    drop_conditions,
    misplaced,
    reconstruction,
    region_contrast,
    undecided,
    undone,
)
from smartedit.training.workshop import Workshop, normalise_view
from smartedit.world.lexicon import NOUNS
from smartedit.world.questions import caption, region_phrases
from smartedit.world.scene import COLOURS

MIXTURE = Mixture()
#: Share of training samples at pure noise (design: most of what an edit needs is decided there).
NOISIEST = 0.9
#: Conditioning dropout (paper; official-code.md, section 4).
DROPOUT = 0.05
#: Share of `base`'s texts that are the grounded reply instead of the instruction: it learns what places in words mean.
GROUNDED = 0.6
#: Share of `base`'s samples whose UNet is shown the true region, as the feature that BIM will supply later.
POINTED = 0.8
#: Questions and edits about one picture in `language`, edits about one in `align` and `point`; pairs of one in `edit`.
QUESTIONS, EDITS, READ, TOGETHER = 2, 6, 6, 2
#: Share of pictures that are shown with left and right exchanged where only the language side learns.
TURNED = 0.5
#: Weight of `undecided` beside `undone`.
DECISION = 0.5
#: Pixels by which views are moved in `clip`.
JITTER = 5
#: Share of replies that edit tokens are read after with their boxes smudged, because the model's own are not perfect either.
SMUDGED = 0.5

Losses = dict[str, Tensor]
Objective = Callable[[Workshop, Draw, int], Losses]


def autoencoder(shop: Workshop, draw: Draw, batch: int) -> Losses:
    """Random crops of pictures, there and back through the decoder's residuals."""
    pictures = shop.extra["pictures"]
    rows = draw.numpy.integers(len(pictures), size=batch)
    top, left = draw.numpy.integers(0, 129, size=2)
    crops = pictures[rows, top : top + 128, left : left + 128]
    x = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 127.5 - 1
    decoded = shop.parts["vae"](x)
    psnr = -10 * torch.log10(((decoded.detach().clamp(-1, 1) - x) / 2).square().mean())
    return {"reconstruction": reconstruction(decoded, x), "~psnr": psnr}


def clip(shop: Workshop, draw: Draw, batch: int) -> Losses:
    """Every patch names what fills it; picture against caption, and patch against phrase, where the text encoder learns too."""
    cache, rng = shop.train, draw.numpy
    pictures = cache.pictures(rng.integers(len(cache.scenes), size=batch))
    pictures = pictures.flipped(torch.from_numpy(rng.random(batch) < TURNED))
    view = _jittered(pictures.view, draw.torch)
    hidden = shop.parts["vision_tower"](normalise_view(view), output_hidden_states=True).hidden_states[-1]
    losses = named(shop, hidden[:, 1:], pictures)
    if shop.parts["text_encoder"].training:
        losses |= _contrasts(shop, hidden, pictures, rng)
    return losses


def _jittered(view: Tensor, generator: torch.Generator) -> Tensor:
    """Views (B, 3, V, V) moved by a few pixels and made a little lighter or darker: too little to change what fills a patch."""
    shifts = torch.randint(-JITTER, JITTER + 1, (len(view), 2), generator=generator).tolist()
    padded = F.pad(view.float(), (JITTER,) * 4, mode="replicate")
    side = view.shape[-1]
    moved = [one[:, JITTER + y : JITTER + y + side, JITTER + x : JITTER + x + side] for one, (y, x) in zip(padded, shifts, strict=True)]
    gain = 1 + 0.3 * (torch.rand(len(view), 1, 1, 1, generator=generator) - 0.5)
    return (torch.stack(moved) * gain).clamp(0, 255)


def named(shop: Workshop, hidden: Tensor, pictures: PictureBatch) -> Losses:
    """Every patch of an object, as the language model is shown it, names the object's kind and colour; empty ones "nothing".

    Cross-entropy over the embeddings of these words: a patch then looks to the language model like the words that fit it.
    """
    patches, rows, owner = _owned_patches(hidden, pictures)
    things = [pictures.described[i]["objects"][k - 1] if k else None for i, k in zip(rows.tolist(), owner.tolist(), strict=True)]
    shown = F.normalize(shop.parts["projector"](patches), dim=-1)
    table = shop.parts["language_model"].get_input_embeddings().weight
    losses: Losses = {}
    for key, words in (("kind", list(NOUNS)), ("colour", list(COLOURS))):
        ids = shop.tokenizer.convert_tokens_to_ids([*words, "nothing"])
        logits = shop.parts["contrast"].scale_words * shown @ F.normalize(table[ids], dim=-1).T
        wanted = torch.tensor([words.index(thing[key]) if thing else len(words) for thing in things])
        losses[key] = F.cross_entropy(logits, wanted)
        losses[f"~{key} right"] = (logits.argmax(-1) == wanted)[owner > 0].float().mean()
    return losses


def _owned_patches(hidden: Tensor, pictures: PictureBatch) -> tuple[Tensor, Tensor, Tensor]:
    """Patches (N, D) of `hidden` that belong to one object, and as many empty ones; the pictures they are of; their owners."""
    empty, keep = (pictures.patches == 0).nonzero(), (pictures.patches > 0).nonzero()
    rows, places = torch.cat([keep, empty[:: max(1, len(empty) // max(len(keep), 1))]]).T
    return hidden[rows, places], rows, pictures.patches[rows, places]


def _contrasts(shop: Workshop, hidden: Tensor, pictures: PictureBatch, rng: np.random.Generator) -> Losses:
    """The two towers against each other: whole pictures and captions, patches and the phrases of the objects that fill them."""
    heads = shop.parts["contrast"]
    captions = [caption(described, rng) for described in pictures.described]
    whole = contrast(heads.picture(hidden[:, 0]), heads.text(shop.text_ends(captions)), heads.scale)
    patches, rows, owner = _owned_patches(hidden[:, 1:], pictures)
    names = [region_phrases(described) for described in pictures.described]
    told = [names[i].get(pictures.described[i]["objects"][k - 1]["id"]) if k else "" for i, k in zip(rows.tolist(), owner.tolist(), strict=True)]
    phrases = sorted({phrase for phrase in told if phrase})
    classes = torch.cat([heads.nothing[None], heads.text(shop.text_ends(phrases))])
    seen = torch.tensor([phrase is not None for phrase in told])  # objects too hidden to talk about have no phrase
    wanted = torch.tensor([phrases.index(phrase) + 1 if phrase else 0 for phrase in told])[seen]
    return {"caption": 0.3 * whole, "region": region_contrast(heads.patch(patches[seen]), classes, wanted, heads.scale)}


def language(shop: Workshop, draw: Draw, batch: int) -> Losses:
    """Turns about pictures, questions and edits, and conversations about what things are for."""
    cache, rng = shop.train, draw.numpy
    scenes, pictures, turned = _some_pictures(shop, rng, batch // (QUESTIONS + EDITS))
    edits = asked_of(cache, scenes, pictures, turned, EDITS, rng)
    rows = [
        [first_turn(shop.tokenizer, *turn) for turn in picture_turns(described, rng, QUESTIONS, "train")]
        + [first_turn(shop.tokenizer, one.instruction, one.reply, edit_tokens=1) for one in asked]
        for described, asked in zip(pictures.described, edits, strict=True)
    ]
    features = shop.mllm.encode_view(normalise_view(pictures.view))
    pictured = _read(shop, rows, features).loss
    texts = knowledge_conversations(shop.tokenizer, max(1, batch // 16), rng, QUESTIONS + EDITS)
    known = shop.mllm(texts.ids, None, texts.mask.long(), texts.labels).loss
    return {"pictures": pictured, "knowledge": 0.3 * known, **named(shop, features, pictures)}


def _some_pictures(shop: Workshop, rng: np.random.Generator, count: int) -> tuple[list[int], PictureBatch, Tensor]:
    """Random scenes, their pictures, and which of these show left and right exchanged."""
    scenes = [int(i) for i in rng.integers(len(shop.train.scenes), size=count)]
    turned = torch.from_numpy(rng.random(count) < TURNED)
    return scenes, shop.train.pictures(scenes).flipped(turned), turned


def _read(shop: Workshop, rows: list, features: Tensor) -> MLLMOutput:
    """One pass over pictures with several turns each."""
    text = pad_branches(picture_start(shop.tokenizer), rows)
    return shop.mllm(text.ids, features, text.mask.long(), text.labels, branch=text.branch)


def base(shop: Workshop, draw: Draw, batch: int) -> Losses:
    """InstructPix2Pix-style: text encoder -> UNet. The texts are instructions and, half the time, grounded replies.

    Most samples are pointed at their region: the UNet learns to paint while words still teach it where.
    """
    pairs = shop.train.edits(MIXTURE.draw(shop.train, batch, draw.numpy))
    grounded = draw.numpy.random(batch) < GROUNDED
    texts = [reply if g else said for g, said, reply in zip(grounded, pairs.instruction, pairs.reply, strict=True)]
    pointed = torch.from_numpy(draw.numpy.random(batch) < POINTED)
    feature = shop.code * _pointing(pairs.region, draw) * pointed[:, None, None, None]
    context = shop.text_context([*texts, ""])
    return paint(shop, draw, pairs, Condition(context[:-1], feature), context[-1:], pointed)


def _pointing(region: Tensor, draw: Draw) -> Tensor:
    """True regions (B, 1, h, w) as a model that is not quite sure would show them: on the coarse grid of its patches, fainter,
    with a fainter hint of another place. The UNet so learns to decide for the strongest."""
    count = len(region)

    def some(low: float, high: float, share: float, otherwise: float) -> Tensor:
        values = torch.rand(2, count, 1, 1, 1, generator=draw.torch)
        return torch.where(values[0] < share, low + (high - low) * values[1], torch.tensor(otherwise))

    seen = torch.where(some(0, 1, 0.75, 1.0) < 1, _coarse(region), region)
    shown = some(0.5, 1.1, 0.6, 1.0) * seen
    return torch.maximum(shown, some(0.0, 0.45, 0.4, 0.0) * seen.roll(1, 0))


def _coarse(region: Tensor) -> Tensor:
    side = math.isqrt(get_preset("tiny").patches)
    return F.interpolate(F.interpolate(region, size=(side, side), mode="area"), size=region.shape[-2:], mode="bilinear")


def point(shop: Workshop, draw: Draw, batch: int) -> Losses:
    """BIM learns to point at what will change, told by the text encoder's states of the right reply: neither language model
    nor painter is needed for that. Boxes are smudged, so that it looks for kinds and colours itself."""
    pictures, edits = _some_edits(shop, draw.numpy, batch)
    context = shop.text_context([smudged(one.reply, draw.numpy) for row in edits for one in row])
    features = shop.mllm.encode_view(normalise_view(pictures.view)).repeat_interleave(READ, 0)
    return _pointed(shop, context, features, edits)


def align(shop: Workshop, draw: Draw, batch: int) -> Losses:
    """Stage 1: the QFormer's output for the edit tokens meets the text encoder's states of the grounded reply.

    BIM gets used to that output meanwhile.
    """
    pictures, edits = _some_edits(shop, draw.numpy, batch)
    understanding, lm = understand(shop, edits, pictures.view, draw.numpy)
    context = shop.parts["qformer"](understanding.edit_states)
    with torch.no_grad():
        wanted = shop.text_context([one.reply for row in edits for one in row])
    pointed = _pointed(shop, context.detach(), understanding.image_features, edits)
    told = {"~left": _left(context, wanted), "~spread": context.std(0).mean()}
    return {"lm": lm, "mse": F.mse_loss(context, wanted), **pointed, **told}


def _pointed(shop: Workshop, context: Tensor, features: Tensor, edits: list[list[Asked]]) -> Losses:
    """How far BIM's feature is from pointing at the patches that every edit changes, where these are known."""
    where = [one.where for row in edits for one in row]
    known = torch.tensor([place is not None for place in where])
    side = math.isqrt(features.shape[1])
    wanted = torch.from_numpy(np.stack([place for place in where if place is not None])).view(-1, 1, side, side)
    _, feature = shop.parts["bim"](context[known], features[known], (side, side))
    missed = misplaced(feature, wanted, shop.code).mean()
    return {"pointer": missed, "~pointed right": torch.tensor(pointing(shop.pointed(feature), wanted))}


def _some_edits(shop: Workshop, rng: np.random.Generator, batch: int) -> tuple[PictureBatch, list[list[Asked]]]:
    """Random pictures with `READ` edits each."""
    scenes, pictures, turned = _some_pictures(shop, rng, batch // READ)
    return pictures, asked_of(shop.train, scenes, pictures, turned, READ, rng)


@torch.no_grad()
def _left(context: Tensor, wanted: Tensor) -> Tensor:
    """The share of what tells contexts apart that is not explained."""
    return F.mse_loss(context, wanted) / (wanted - wanted.mean(0)).square().mean()


def joint(shop: Workshop, draw: Draw, batch: int) -> Losses:
    """Stage 2 without BIM."""
    return _edit(shop, draw, batch, with_bim=False)


def edit(shop: Workshop, draw: Draw, batch: int) -> Losses:
    """Stage 2 with BIM."""
    return _edit(shop, draw, batch, with_bim=True)


def _edit(shop: Workshop, draw: Draw, batch: int, with_bim: bool) -> Losses:
    chosen = MIXTURE.draw(shop.train, batch // TOGETHER, draw.numpy)
    rows = [shop.train.together(pair, TOGETHER, draw.numpy) for pair in chosen]
    pairs = shop.train.edits([pair for row in rows for pair in row])
    patches = get_preset("tiny").patches
    understanding, lm = understand(shop, [real_asked(shop.train, row, patches) for row in rows], pairs.view[::TOGETHER], draw.numpy)
    condition = shop.model(with_bim).condition(understanding, tuple(pairs.source.shape[-2:]))
    painted = paint(shop, draw, pairs, condition, shop.parts["qformer"].null_context)
    if with_bim:
        painted["pointer"] = misplaced(condition.feature, _coarse(pairs.region), shop.code).mean()
    return {"lm": lm, **painted, "~spread": condition.context.detach().std(0).mean()}


def understand(
    shop: Workshop, edits: list[list[Asked]], view: Tensor, rng: np.random.Generator
) -> tuple[Understanding, Tensor]:
    """One teacher-forced pass over pictures (B, 3, V, V) with as many edits each: what the edit tokens carry, the LM loss.

    A share of replies is `SMUDGED`; nothing is learned from their words.
    """
    rows = [[_edit_turn(shop, one, rng) for one in row] for row in edits]
    features = shop.mllm.encode_view(normalise_view(view))
    output = _read(shop, rows, features)
    return Understanding(output.every_edit(), features.repeat_interleave(len(edits[0]), 0), []), output.loss


def _edit_turn(shop: Workshop, one: Asked, rng: np.random.Generator) -> tuple[list[int], list[int]]:
    blurred = rng.random() < SMUDGED
    heard = smudged(one.reply, rng) if blurred else one.reply
    return first_turn(shop.tokenizer, one.instruction, heard, EDIT_TOKENS, learned=not blurred)


def paint(
    shop: Workshop, draw: Draw, pairs: EditBatch, condition: Condition, null: Tensor, pointed: Tensor | None = None
) -> Losses:
    """Noise the target, drop conditions now and then, predict the clean target, measure what is left undone."""
    count = len(pairs.source)
    no_text, no_picture = drop_conditions(count, DROPOUT, draw.torch)
    context = torch.where(no_text[:, None, None], null.expand_as(condition.context), condition.context)
    source = pairs.source * ~no_picture[:, None, None, None]
    last = shop.scheduler.config.num_train_timesteps - 1
    t = draw_timesteps(count, last, NOISIEST, draw.torch)
    noisy = shop.scheduler.add_noise(pairs.target, torch.randn(pairs.target.shape, generator=draw.torch), t)
    predicted = shop.model(with_bim=False).denoise(noisy, source, t, Condition(context, condition.feature))
    left = undone(predicted, pairs.target, source)
    decision = DECISION * undecided(predicted, pairs.target, source).mean()
    steady = ~no_text & ~no_picture
    shares = {"~undone whole": left.detach()[steady].mean()}
    if pointed is not None:
        shares = {
            "~by words": left.detach()[steady & ~pointed].mean(),
            "~pointed": left.detach()[steady & pointed].mean(),
        }
    return {"undone": left.mean(), "undecided": decision, **shares}
