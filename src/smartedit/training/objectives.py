"""From what a step is given to its losses, one function a stage, `(shop, lesson, generator) -> Losses`.

Names of losses that start with `~` are only reported; the others are added up. `generator` is on the CPU, wherever the
parts are: a run draws the same noise on every device.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Generator, Tensor
from transformers import LlamaForCausalLM

from smartedit.conversation import CONTEXT_LENGTH
from smartedit.data.sample import EditBatch, TextBatch
from smartedit.models.mllm import MLLMOutput
from smartedit.models.smartedit import Condition, Understanding
from smartedit.models.sprite import surroundings
from smartedit.models.unet import denoise
from smartedit.training import lessons
from smartedit.training.examine import pointing
from smartedit.training.gaze import Gaze
from smartedit.training.lessons import KINDS, PAINTS, Exchange, Named
from smartedit.training.losses import (
    NEAR,
    astray,
    changing,
    contrast,
    draw_timesteps,
    drop_conditions,
    misplaced,
    nearly,
    outlined,
    reconstruction,
    region_contrast,
    undecided,
    undone,
)
from smartedit.training.precision import short_attention
from smartedit.training.standing import how_far_off, how_wide
from smartedit.training.workshop import Workshop, normalise_view

#: Share of training samples at pure noise (design: most of what an edit needs is decided there).
NOISIEST = 0.9
#: Conditioning dropout (paper; official-code.md, section 4).
DROPOUT = 0.05
#: Weight of `outlined`: it is much larger than the other losses of the painter, and only helps them.
OUTLINE = 0.2
#: Share of a thing that may be wrong where it counts as drawn right: that of the benchmark on the rendered world.
WELL = 0.4
#: Weight of `looks`: at 2 it is about as large as the loss of the words.
LOOKING = 2.0
#: Weight of pointing in `align`: it shall reach the QFormer, and not drown what the context says besides where.
POINTING = 0.25

Losses = dict[str, Tensor]
Objective = Callable[..., Losses]


def autoencoder(shop: Workshop, crops: Tensor, generator: Generator) -> Losses:
    """Pictures there and back through the decoder's residuals."""
    decoded = shop.parts["vae"](crops)
    psnr = -10 * torch.log10(((decoded.detach().clamp(-1, 1) - crops) / 2).square().mean())
    return {"reconstruction": reconstruction(decoded, crops), "~psnr": psnr}


def clip(shop: Workshop, seen: lessons.Seen, generator: Generator) -> Losses:
    """Every patch names what fills it; picture against caption, and patch against phrase, where the text encoder learns too."""
    hidden = shop.parts["vision_tower"](normalise_view(seen.view), output_hidden_states=True).hidden_states[-1]
    losses = named(shop, hidden[:, 1:], seen.named)
    if shop.parts["text_encoder"].training:
        losses |= _contrasts(shop, hidden, seen)
    return losses


def named(shop: Workshop, hidden: Tensor, patches: Named) -> Losses:
    """Every patch of an object, as the language model is shown it, names the object's kind and colour; empty ones "nothing".

    Cross-entropy over the embeddings of these words: a patch then looks to the language model like the words that fit it.
    """
    shown = F.normalize(shop.mllm.shown(hidden[patches.rows, patches.places]), dim=-1)
    table = shop.parts["language_model"].get_input_embeddings().weight
    owned = patches.kinds < len(KINDS)
    losses: Losses = {}
    for key, words, wanted in (("kind", KINDS, patches.kinds), ("colour", PAINTS, patches.colours)):
        ids = shop.tokenizer.convert_tokens_to_ids([*words, "nothing"])
        logits = shop.parts["contrast"].scale_words * shown @ F.normalize(table[ids], dim=-1).T
        losses[key] = F.cross_entropy(logits, wanted)
        losses[f"~{key} right"] = (logits.argmax(-1) == wanted)[owned].float().mean()
    return losses


def _contrasts(shop: Workshop, hidden: Tensor, seen: lessons.Seen) -> Losses:
    """The two towers against each other: whole pictures and captions, patches and the phrases of the objects that fill them."""
    heads = shop.parts["contrast"]
    whole = contrast(heads.picture(hidden[:, 0]), heads.text(shop.text_ends(seen.captions)), heads.scale)
    phrases = sorted({phrase for phrase in seen.phrases if phrase})
    classes = torch.cat([heads.nothing[None], heads.text(shop.text_ends(phrases))])
    spoken = [n for n, phrase in enumerate(seen.phrases) if phrase is not None]
    wanted = torch.tensor([phrases.index(seen.phrases[n]) + 1 if seen.phrases[n] else 0 for n in spoken], device=shop.device)
    patches = hidden[:, 1:][seen.named.rows[spoken], seen.named.places[spoken]]
    return {"caption": 0.3 * whole, "region": region_contrast(heads.patch(patches), classes, wanted, heads.scale)}


def language(shop: Workshop, talk: lessons.Talk, generator: Generator) -> Losses:
    """Turns about pictures, questions and edits, and conversations about what things are for."""
    features = shop.mllm.encode_view(normalise_view(talk.view))
    read, looks = _looked(shop, talk, features)
    known = shop.mllm(talk.knowledge.ids, None, talk.knowledge.mask.long(), talk.knowledge.labels).loss
    sought = _sought(shop, read, features, talk, lessons.EDITS)
    return {"pictures": read.loss, "knowledge": 0.3 * known, **looks, **sought, **named(shop, features, talk.named)}


def _looked(shop: Workshop, talk: lessons.Talk, features: Tensor) -> tuple[MLLMOutput, Losses]:
    """The turns read, by a Llama with an eye on where it looks: other families have rows and columns in their positions."""
    language_model = shop.parts["language_model"]
    if not isinstance(language_model, LlamaForCausalLM):
        return _read(shop, talk.turns, features), {}
    with Gaze(language_model) as gaze:
        read = _read(shop, talk.turns, features)
    return read, _looks(shop, gaze, read, talk)


def _looks(shop: Workshop, gaze: Gaze, read: MLLMOutput, told: lessons.Talk) -> Losses:
    """Where a reply with one box says "at", the language model looks at the patches that are meant: how far it is from that.

    Digits alone teach it to look only when it has begun to: none of them is more likely for a glance at the right patch.
    """
    begins, ends = (
        (read.ids == token).nonzero().unflatten(0, (len(read.ids), -1))[:, -lessons.EDITS :].flatten(0, 1)[told.known]
        for token in (shop.assistant, shop.mllm.first_edit_token)
    )
    place = torch.arange(read.ids.shape[1], device=shop.device)
    said = (read.ids[begins[:, 0]] == shop.at) & (place > begins[:, 1:]) & (place < ends[:, 1:])
    once = said.sum(1) == 1
    where = told.where[once]
    first = int((read.ids[0] < 0).int().argmax())  # rows of a batch begin alike, so their pictures stand in one place
    patches = slice(first, first + where.shape[-1] ** 2)
    seen = gaze.scores(begins[once, 0], said[once].int().argmax(1), patches).view_as(where)
    count = max(len(where), 1)  # a small batch may have none
    return {
        "looks": LOOKING * astray(seen, where, sharpness=1.0).sum() / count,
        "~looks right": torch.tensor(pointing(seen, where)),
    }


def _sought(
    shop: Workshop, read: MLLMOutput, features: Tensor, told: lessons.Talk | lessons.Reading, each: int
) -> Losses:
    """Before a reply to an edit begins (the last `each` turns of a picture are edits), and again when it has been worded, the
    language model knows which patches are meant: a map a turn says more about that than the digits of a box do."""
    begins = read.states[read.ids == shop.assistant].unflatten(0, (len(features), -1))[:, -each:].flatten(0, 1)
    ends = read.states[read.ids == shop.mllm.first_edit_token]
    patches = features.repeat_interleave(each, 0)[told.known]
    losses: Losses = {}
    for key, states in (("sought", begins), ("found", ends)):
        fits = shop.parts["contrast"].finds(states[told.known], patches).view_as(told.where)
        losses[key] = astray(fits, told.where, sharpness=1.0).mean()
        losses[f"~{key} right"] = torch.tensor(pointing(fits, told.where))
    return losses


def _read(shop: Workshop, turns: TextBatch, features: Tensor) -> MLLMOutput:
    """One pass over pictures with several turns each."""
    return shop.mllm(turns.ids, features, turns.mask.long(), turns.labels, branch=turns.branch)


def sprite(shop: Workshop, given: lessons.Newcomers, generator: Generator) -> Losses:
    """Things are drawn over what lies under them, at their true places; come to stand at these, by what is seen of the old thing; what
    that stands on is found; and so is where things land that are put somewhere."""
    head, standing = shop.parts["object_head"], given.standing
    around = surroundings(given.mean, standing.place, given.under)
    drawn = head.sprite.over(given.under, standing.comes, given.colour, around)
    left, change = drawn - given.shown, given.under - given.shown
    (off, foot), wide = how_far_off(head, standing), how_wide(head, given.landed)
    wrong = undecided(left, change)
    each = {"undone": undone(left, change), "undecided": wrong, "off": nearly(off), "foot": nearly(foot), "wide": nearly(wide)}
    each |= {"~right": (wrong < WELL).float(), "~near": (off.amax(1) < NEAR).float(), "~near where put": (wide.amax(1) < NEAR).float()}
    return {name: values.mean() for name, values in each.items()}


def base(shop: Workshop, told: lessons.Painting, generator: Generator) -> Losses:
    """InstructPix2Pix-style: text encoder -> UNet.

    Most samples are pointed at their region: the UNet learns to paint while words still teach it where.
    """
    states = shop.text_context(told.texts)
    condition = Condition(states, shop.code * told.shown, states)
    return paint(shop, generator, told.pairs, condition, shop.text_context([""]), told.pointed)


def told_base(shop: Workshop, told: lessons.Painting | lessons.Listening) -> Tensor:
    """What an object head is told in `base`."""
    return shop.text_context(told.texts)


def point(shop: Workshop, places: lessons.Places, generator: Generator) -> Losses:
    """BIM learns to point at what will change, told by the text encoder's states of the right reply: neither language model
    nor painter is needed for that."""
    features = shop.mllm.encode_view(normalise_view(places.view)).repeat_interleave(lessons.READ, 0)
    return _pointed(shop, shop.text_context(places.replies), features, places)


def align(shop: Workshop, reading: lessons.Reading, generator: Generator) -> Losses:
    """Stage 1: the QFormer's output for the edit tokens meets the text encoder's states of the grounded reply, and says
    enough for BIM to point."""
    understanding, read = understand(shop, reading.view, reading.exchanges)
    features = understanding.image_features[:: lessons.READ]
    context = shop.parts["qformer"](understanding.edit_states)
    with torch.no_grad():
        wanted = shop.text_context(reading.replies)
    pointed = _pointed(shop, context, understanding.image_features, reading)
    pointed |= {name: POINTING * loss for name, loss in pointed.items() if not name.startswith("~")}
    sought = _sought(shop, read, features, reading, lessons.READ)
    told = {"~left": _left(context, wanted), "~spread": context.std(0).mean()}
    return {"lm": read.loss, "mse": F.mse_loss(context, wanted), **pointed, **sought, **told}


def _pointed(shop: Workshop, context: Tensor, features: Tensor, places: lessons.Places) -> Losses:
    """How far BIM's feature is from pointing at the patches that every edit changes, shadows too, where these are known."""
    side = math.isqrt(features.shape[1])
    rows, where = places.known[places.whole], places.where[places.whole]
    with short_attention(shop.device):
        _, feature = shop.parts["bim"](context[rows], features[rows], (side, side))
    count = max(len(rows), 1)  # a small batch may have none
    missed = misplaced(feature, where, shop.code).sum() / count
    found = shop.pointed(feature)
    return {
        "pointer": missed,
        "astray": astray(found, where).sum() / count,
        "~pointed right": torch.tensor(pointing(found, where)),
    }


@torch.no_grad()
def _left(context: Tensor, wanted: Tensor) -> Tensor:
    """The share of what tells contexts apart that is not explained."""
    return F.mse_loss(context, wanted) / (wanted - wanted.mean(0)).square().mean()


def joint(shop: Workshop, asked: lessons.Edit, generator: Generator) -> Losses:
    """Stage 2 without BIM."""
    return _edit(shop, asked, generator, with_bim=False)


def edit(shop: Workshop, asked: lessons.Edit, generator: Generator) -> Losses:
    """Stage 2 with BIM."""
    return _edit(shop, asked, generator, with_bim=True)


def told_edit(shop: Workshop, asked: lessons.Edit | lessons.Listening) -> Tensor:
    """What an object head is told in `joint` and `edit`."""
    return understand(shop, asked.view, asked.exchanges)[0].edit_states


def _asked(shop: Workshop, asked: lessons.Edit, with_bim: bool) -> tuple[Condition, MLLMOutput]:
    understanding, read = understand(shop, asked.view, asked.exchanges)
    return shop.model(with_bim).condition(understanding, tuple(asked.pairs.source.shape[-2:])), read


def _edit(shop: Workshop, asked: lessons.Edit, generator: Generator, with_bim: bool) -> Losses:
    condition, read = _asked(shop, asked, with_bim)
    painted = paint(shop, generator, asked.pairs, condition, shop.parts["qformer"].null_context)
    if with_bim:
        painted["pointer"] = misplaced(condition.feature, lessons.coarse(asked.pairs.region), shop.code).mean()
    return {"lm": read.loss, **painted, "~spread": condition.context.detach().std(0).mean()}


def understand(shop: Workshop, view: Tensor, exchanges: list[list[Exchange]]) -> tuple[Understanding, MLLMOutput]:
    """One teacher-forced pass over pictures (B, 3, V, V) with the exchanges about each: what the edit tokens carry, and all of it."""
    features = shop.mllm.encode_view(normalise_view(view))
    turns = lessons.turns_of(shop, exchanges, _own_replies(shop, exchanges, features)).to(shop.device)
    read = _read(shop, turns, features)
    return Understanding(read.every_edit(), features.repeat_interleave(len(exchanges[0]), 0), []), read


@torch.no_grad()
def _own_replies(shop: Workshop, exchanges: list[list[Exchange]], features: Tensor) -> list[str]:
    """What the language model, as it is now, replies where the exchanges leave that to it."""
    asked = [(picture, one.said) for picture, row in enumerate(exchanges) for one in row if one.heard is None]
    if not asked:
        return []
    pictures, said = zip(*asked, strict=True)
    ids, mask = (rows.to(shop.device) for rows in shop.prompts(said))
    replies = shop.mllm.generate_reply(ids, features[list(pictures)], mask, max_tokens=CONTEXT_LENGTH)
    return shop.tokenizer.batch_decode(replies, skip_special_tokens=True)


def paint(
    shop: Workshop, generator: Generator, pairs: EditBatch, condition: Condition, null: Tensor, pointed: Tensor | None = None
) -> Losses:
    """Noise the target, drop conditions now and then, predict the clean target, measure what is left undone."""
    count, device = len(pairs.source), pairs.source.device
    no_text, no_picture = (dropped.to(device) for dropped in drop_conditions(count, DROPOUT, generator))
    context = torch.where(no_text[:, None, None], null.expand_as(condition.context), condition.context)
    source = pairs.source * ~no_picture[:, None, None, None]
    last = shop.scheduler.config.num_train_timesteps - 1
    t = draw_timesteps(count, last, NOISIEST, generator).to(device)
    noisy = shop.scheduler.add_noise(pairs.target, torch.randn(pairs.target.shape, generator=generator).to(device), t)
    with short_attention(device):
        output = denoise(shop.parts["unet"], torch.cat([noisy, source], dim=1), t, context, condition.feature)
    brush = shop.brush
    left, change = (brush.pixels(z - pairs.target) for z in (brush(output, source, condition.told), source))
    share = undone(left, change)
    steady = ~no_text & ~no_picture
    told = {"~undone whole": steady} if pointed is None else {"~by words": steady & ~pointed, "~pointed": steady & pointed}
    shares = {name: share.detach()[rows].mean() for name, rows in told.items() if rows.any()}
    changes, *shown = brush.masks(output, source)
    losses = {"undone": share.mean(), "undecided": undecided(left, change).mean()}
    losses["outline"] = OUTLINE * outlined(changes, changing(change)).mean()
    for name, logits, pixels in zip(("meant", "beside"), shown, (pairs.meant, pairs.beside), strict=True):
        truth = F.pixel_unshuffle(pixels.to(logits), brush.patch)
        there = truth.flatten(1).any(1)  # only few pairs have an anchor, and then a mask has to be learned from these
        losses[name] = OUTLINE * (outlined(logits, truth) * there).sum() / there.sum().clamp(min=1)
    return losses | shares
