"""From a step's random draw to its losses, one function a stage.

Names of losses that start with `~` are only reported; the others are added up.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from smartedit.data.mixture import Mixture
from smartedit.data.sample import EditBatch, TextBatch
from smartedit.data.vision_language import edit_conversations, knowledge_conversations, picture_conversations
from smartedit.models.smartedit import Condition, Understanding
from smartedit.training.loop import Draw
from smartedit.training.losses import contrast, draw_timesteps, drop_conditions, reconstruction, region_contrast, undone
from smartedit.training.workshop import Workshop, normalise_view
from smartedit.world.questions import caption, region_phrases

MIXTURE = Mixture()
#: Share of training samples at pure noise (design: most of what an edit needs is decided there).
NOISIEST = 0.6
#: Conditioning dropout (paper; official-code.md, section 4).
DROPOUT = 0.05
#: Share of `base`'s texts that are the grounded reply instead of the instruction: it learns what places in words mean.
GROUNDED = 0.5
#: Share of `base`'s samples whose UNet is shown the true region, as the feature that BIM will supply later.
POINTED = 0.7
TURNS = 7

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
    """Picture against caption, and every patch against the phrase of the object that fills it."""
    cache = shop.train
    pictures = cache.pictures(draw.numpy.integers(len(cache.scenes), size=batch))
    hidden = shop.parts["vision_tower"](normalise_view(pictures.view), output_hidden_states=True).hidden_states[-1]
    heads = shop.parts["contrast"]
    captions = [caption(described, draw.numpy) for described in pictures.described]
    whole = contrast(heads.picture(hidden[:, 0]), heads.text(shop.text_ends(captions)), heads.scale)
    patches, owner, phrases = _owned_patches(shop, hidden[:, 1:], pictures)
    classes = torch.cat([heads.nothing[None], heads.text(shop.text_ends(phrases))])
    region = region_contrast(heads.patch(patches), classes, owner, heads.scale)
    right = (heads.patch(patches) @ F.normalize(classes, dim=-1).T).argmax(-1) == owner
    return {"caption": 0.3 * whole, "region": region, "~objects right": right[owner > 0].float().mean()}


def _owned_patches(shop: Workshop, hidden: Tensor, pictures) -> tuple[Tensor, Tensor, list[str]]:
    """Patches that belong to one object, and as many empty ones; their class (0 = nothing); the phrases of classes 1 ..."""
    names = [[region_phrases(d).get(o["id"], "") for o in d["objects"]] for d in pictures.described]
    phrases = sorted({name for row in names for name in row if name})
    number = {name: i + 1 for i, name in enumerate(phrases)}
    table = torch.zeros(len(names), max(map(len, names)) + 1, dtype=torch.long)
    for i, row in enumerate(names):
        table[i, 1 : len(row) + 1] = torch.tensor([number.get(name, -1) for name in row])
    owner = torch.where(pictures.patches >= 0, table.gather(1, pictures.patches.clamp_min(0)), -1)
    empty = (owner == 0).nonzero()
    keep = (owner > 0).nonzero()
    chosen = torch.cat([keep, empty[:: max(1, len(empty) // max(len(keep), 1))]])
    return hidden[chosen[:, 0], chosen[:, 1]], owner[chosen[:, 0], chosen[:, 1]], phrases


def language(shop: Workshop, draw: Draw, batch: int) -> Losses:
    """Conversations about pictures, about edits, and about what things are for."""
    cache = shop.train
    seen = batch // 2
    pictures = cache.pictures(draw.numpy.integers(len(cache.scenes), size=seen))
    about = picture_conversations(shop.tokenizer, pictures, draw.numpy, TURNS, "train")
    edits = cache.edits(MIXTURE.draw(cache, batch - seen, draw.numpy))
    texts = knowledge_conversations(shop.tokenizer, max(1, batch // 4), draw.numpy, TURNS)
    features = shop.mllm.encode_view(normalise_view(torch.cat([pictures.view, edits.view])))
    pictured = _lm(shop, about, features[:seen]) + _lm(shop, edit_conversations(shop.tokenizer, edits), features[seen:])
    return {"pictures": pictured, "knowledge": 0.3 * _lm(shop, texts, None)}


def _lm(shop: Workshop, text: TextBatch, features: Tensor | None) -> Tensor:
    return shop.mllm(text.ids, features, text.mask.long(), text.labels).loss


def base(shop: Workshop, draw: Draw, batch: int) -> Losses:
    """InstructPix2Pix-style: text encoder -> UNet. The texts are instructions and, half the time, grounded replies.

    Most samples are pointed at their region: the UNet learns to paint while words still teach it where.
    """
    pairs = shop.train.edits(MIXTURE.draw(shop.train, batch, draw.numpy))
    grounded = draw.numpy.random(batch) < GROUNDED
    texts = [reply if g else said for g, said, reply in zip(grounded, pairs.instruction, pairs.reply, strict=True)]
    pointed = torch.from_numpy(draw.numpy.random(batch) < POINTED)
    feature = shop.parts["pointer"](pairs.region) * pointed[:, None, None, None]
    context = shop.text_context([*texts, ""])
    return paint(shop, draw, pairs, Condition(context[:-1], feature), context[-1:], pointed)


def align(shop: Workshop, draw: Draw, batch: int) -> Losses:
    """Stage 1: the QFormer's output for the edit tokens meets the text encoder's states of the grounded reply."""
    pairs = shop.train.edits(MIXTURE.draw(shop.train, batch, draw.numpy))
    lm, understanding = understand(shop, pairs)
    context = shop.model(with_bim=False).condition(understanding, (16, 16)).context
    with torch.no_grad():
        wanted = shop.text_context(pairs.reply)
    return {"lm": lm, "mse": F.mse_loss(context, wanted), "~spread": context.std(0).mean()}


def joint(shop: Workshop, draw: Draw, batch: int) -> Losses:
    """Stage 2 without BIM."""
    return _edit(shop, draw, batch, with_bim=False)


def edit(shop: Workshop, draw: Draw, batch: int) -> Losses:
    """Stage 2 with BIM."""
    return _edit(shop, draw, batch, with_bim=True)


def _edit(shop: Workshop, draw: Draw, batch: int, with_bim: bool) -> Losses:
    pairs = shop.train.edits(MIXTURE.draw(shop.train, batch, draw.numpy))
    lm, understanding = understand(shop, pairs)
    condition = shop.model(with_bim).condition(understanding, tuple(pairs.source.shape[-2:]))
    painted = paint(shop, draw, pairs, condition, shop.parts["qformer"].null_context)
    if with_bim:
        painted["pointer"] = pointer_loss(shop, pairs, condition)
    return {"lm": lm, **painted, "~spread": condition.context.detach().std(0).mean()}


def pointer_loss(shop: Workshop, pairs: EditBatch, condition: Condition) -> Tensor:
    """How far BIM's feature is from the one that points at the true region, as a share of that feature's own size."""
    wanted = shop.parts["pointer"](pairs.region).detach()
    return F.mse_loss(condition.feature, wanted) / wanted.square().mean().clamp_min(1e-6)


def understand(shop: Workshop, pairs: EditBatch) -> tuple[Tensor, Understanding]:
    """One teacher-forced pass over instruction, reply and edit tokens: LM loss and what the edit tokens carry."""
    text = edit_conversations(shop.tokenizer, pairs)
    features = shop.mllm.encode_view(normalise_view(pairs.view))
    output = shop.mllm(text.ids, features, text.mask.long(), text.labels)
    return output.loss, Understanding(output.edit_states()[0], features, [])


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
    steady = ~no_text & ~no_picture
    shares = {"~undone whole": left.detach()[steady].mean()}
    if pointed is not None:
        shares = {
            "~by words": left.detach()[steady & ~pointed].mean(),
            "~pointed": left.detach()[steady & pointed].mean(),
        }
    return {"undone": left.mean(), **shares}
