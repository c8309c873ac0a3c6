"""The multimodal language model: CLIP vision tower, linear projector and Llama, stock transformers parts.

Another family of models fits in where these methods are its own: `encode_view`, `project`, `shown` and `positions` (`qwen.py`).

It reads picture and instruction, words a reply, and in one pass over the 32 edit tokens after it gives the states that
carry the edit. The picture's patch features take the place of the first `<img_0>` of a conversation.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import DynamicCache

from ..errors import ModelError

IGNORE = -100  # label of what is not learned, as in transformers
EDIT_TOKENS = 32


#: Size at which a projector's places begin, per channel: that of what a trained projector gives, for fainter ones are overlooked.
PLACE_SIZE = 1.5


class Projector(ModelMixin, ConfigMixin):
    """One Linear from patch features (..., image_width) to the language model's embeddings (..., hidden).

    `select_layer` says which hidden state of the vision tower is the picture's feature (-2: the last but one). `grid`, for
    square pictures of grid x grid patches, adds where each patch is, a learned vector a row and one a column: a small tower's
    features may say what is there and no longer where (None: nothing is added, as published).
    """

    @register_to_config
    def __init__(self, image_width: int = 1024, hidden: int = 4096, select_layer: int = -2, grid: int | None = None) -> None:
        super().__init__()
        self.linear = nn.Linear(image_width, hidden)
        if grid is not None:
            self.rows, self.columns = (nn.Parameter(torch.randn(grid, hidden) * PLACE_SIZE) for _ in range(2))

    def forward(self, features: Tensor) -> Tensor:
        embeds = self.linear(features)
        return embeds if self.config.grid is None else embeds + (self.rows[:, None] + self.columns).flatten(0, 1)

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *args) -> None:
        """Weights of a projector that had no places yet are taken for what they were: nothing is added."""
        if self.config.grid is not None:
            for name in ("rows", "columns"):
                state_dict.setdefault(prefix + name, torch.zeros_like(getattr(self, name)))
        super()._load_from_state_dict(state_dict, prefix, *args)


@dataclass
class Spliced:
    """A batch of conversations with the picture in place: everything has length L = T - 1 + P (T for text alone)."""

    embeds: Tensor  # (B, L, hidden)
    ids: Tensor  # (B, L), -1 where the picture is
    attention_mask: Tensor  # (B, L), 1 where something is
    labels: Tensor | None  # (B, L), unshifted, IGNORE at the picture
    branch: Tensor | None = None  # (B, L), 0 at the picture; see MLLM.forward


@dataclass
class MLLMOutput:
    """What one pass gives: states after the final norm (B, L, hidden), where edit tokens are (B, L), the LM loss, and the
    ids that were read (B, L), -1 where the picture is or nothing."""

    states: Tensor
    edit_mask: Tensor
    loss: Tensor | None = None
    ids: Tensor | None = None

    def edit_states(self) -> tuple[Tensor, Tensor]:
        """States of the edit tokens (B, 32, hidden) and a bool mask (B, 32) that is False in rows without an edit."""
        present = self.edit_mask.any(dim=1)
        if not torch.equal(self.edit_mask.sum(dim=1), EDIT_TOKENS * present):
            raise ModelError(f"a conversation holds some of the {EDIT_TOKENS} edit tokens; give it all of them or none")
        packed = self.states.new_zeros(len(present), EDIT_TOKENS, self.states.shape[2])
        mask = present[:, None].expand(-1, EDIT_TOKENS)
        return packed.masked_scatter(mask[..., None], self.states[self.edit_mask]), mask

    def every_edit(self) -> Tensor:
        """States of all edits of rows that hold several (branches), in their order: (N, 32, hidden)."""
        return self.states[self.edit_mask].unflatten(0, (-1, EDIT_TOKENS))


class MLLM(nn.Module):
    """Holds the three parts and the id of `<img_0>`; edit tokens are the 32 ids from there on."""

    def __init__(
        self, vision_tower: nn.Module, projector: Projector, language_model: nn.Module, first_edit_token: int
    ) -> None:
        super().__init__()
        self.vision_tower, self.projector, self.language_model = vision_tower, projector, language_model
        self.first_edit_token = first_edit_token

    def encode_view(self, view: Tensor) -> Tensor:
        """View (B, 3, S, S), normalised for CLIP -> patch features (B, P, image_width), row by row, without CLS."""
        hidden = self.vision_tower(view, output_hidden_states=True).hidden_states
        return hidden[self.projector.config.select_layer][:, 1:]

    def project(self, image_features: Tensor) -> Tensor:
        """Patch features (B, P, image_width) as the language model reads them, (B, P, hidden)."""
        return self.projector(image_features.to(self.projector.dtype))

    def shown(self, image_features: Tensor) -> Tensor:
        """The same of any patches (..., image_width), wherever they are: what fills them alone, (..., hidden)."""
        return self.projector.linear(image_features)

    def positions(self, spliced: Spliced, place: Tensor | None = None) -> Tensor | None:
        """What the language model is told of where everything is: here `place`, counted positions (B, L), None for 0, 1, 2 ..."""
        return place

    def following(self, positions: Tensor, spliced: Spliced) -> Tensor:
        """The position (B,) of the first word after the prompts, given `positions`."""
        raise NotImplementedError

    def splice(
        self,
        input_ids: Tensor,
        image_features: Tensor | None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        has_picture: Tensor | None = None,
        branch: Tensor | None = None,
    ) -> Spliced:
        """Put projected features (B, P, hidden) in the place of the first `<img_0>` of every row.

        `input_ids`, `attention_mask`, `labels` are (B, T), padded on the right. Rows where `has_picture` (B) is False
        are text alone and get padding instead. ModelError if a row that should has no `<img_0>`.
        """
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        embeds = self._embed(input_ids)
        if image_features is None:
            return Spliced(embeds, input_ids, mask, labels, branch)
        source, is_picture = self._layout(input_ids, image_features.shape[1], has_picture)
        joined = torch.cat([embeds, image_features.to(embeds.dtype)], dim=1)
        embeds = joined.gather(1, source[..., None].expand(-1, -1, joined.shape[2]))
        shown = is_picture if has_picture is None else is_picture & has_picture[:, None]
        text = source.masked_fill(is_picture, 0)
        return Spliced(
            embeds,
            input_ids.gather(1, text).masked_fill(is_picture, -1),
            torch.where(is_picture, shown.to(mask.dtype), mask.gather(1, text)),
            None if labels is None else labels.gather(1, text).masked_fill(is_picture, IGNORE),
            None if branch is None else branch.gather(1, text).masked_fill(is_picture, 0),
        )

    def forward(
        self,
        input_ids: Tensor,
        image_features: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        has_picture: Tensor | None = None,
        branch: Tensor | None = None,
    ) -> MLLMOutput:
        """One pass over whole conversations (arguments as in `splice`, but *unprojected* features (B, P, image_width)).

        `loss` is the mean cross-entropy over the labels, shifted here (0 if none counts), or None without labels.

        `branch` (B, T) packs conversations that share a beginning into one row: 0 marks the beginning, with the picture,
        k = 1, 2, ... the k-th continuation, -1 padding. Each continuation sees the beginning and itself, at the positions it
        would have alone, so the result is that of separate rows at a fraction of the work.
        """
        projected = None if image_features is None else self.project(image_features)
        spliced = self.splice(input_ids, projected, attention_mask, labels, has_picture, branch)
        seen, place = (spliced.attention_mask, None) if branch is None else _branched(spliced.branch, spliced.attention_mask)
        states = self._run(spliced.embeds, seen, self.positions(spliced, place))
        ids = spliced.ids.masked_fill(~spliced.attention_mask.bool(), -1)
        loss = None if labels is None else self.lm_loss(states, spliced.labels)
        return MLLMOutput(states, ids >= self.first_edit_token, loss, ids)

    def lm_loss(self, states: Tensor, labels: Tensor) -> Tensor:
        """Mean cross-entropy of the next token where its label counts; logits are made for these positions only."""
        wanted = labels[:, 1:] != IGNORE
        logits = self._logits(states[:, :-1][wanted])
        return cross_entropy(logits.float(), labels[:, 1:][wanted], reduction="sum") / wanted.sum().clamp_min(1)

    @torch.no_grad()
    def generate_reply(
        self,
        input_ids: Tensor,
        image_features: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        max_tokens: int = 64,
        temperature: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> list[Tensor]:
        """Word a reply to every prompt: lists of ids, ended by the first edit token or EOS (not included).

        Greedy at temperature 0, otherwise sampled with `generator`. Prompts (B, T) are padded on the right.
        """
        projected = None if image_features is None else self.project(image_features)
        prompt = self.splice(input_ids, projected, attention_mask)
        cache, mask, length = DynamicCache(), prompt.attention_mask, prompt.attention_mask.sum(dim=1)
        positions = self.positions(prompt)
        following = length if positions is None else self.following(positions, prompt)
        state = self._run(prompt.embeds, mask, positions, cache)[torch.arange(len(length)), length - 1]
        tokens, done = [], torch.zeros_like(length, dtype=torch.bool)
        for step in range(max_tokens):
            token = _choose(self._logits(state), temperature, generator).masked_fill(done, self._ends()[0])
            done |= self._is_end(token)
            tokens.append(token)
            if done.all():
                break
            mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
            state = self._run(self._embed(token[:, None]), mask, (following + step)[:, None], cache)[:, -1]
        return self._cut(torch.stack(tokens, dim=1))

    def with_edit_tokens(
        self, input_ids: Tensor, attention_mask: Tensor | None, replies: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Prompts (B, T) followed by their replies and all edit tokens: ids and mask, padded on the right."""
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        edit = torch.arange(self.first_edit_token, self.first_edit_token + EDIT_TOKENS, device=input_ids.device)
        prompts = [ids[: kept.sum()] for ids, kept in zip(input_ids, mask, strict=True)]
        rows = [torch.cat([prompt, reply.to(prompt), edit]) for prompt, reply in zip(prompts, replies, strict=True)]
        ids = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        mask = nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
        return ids, mask

    def _layout(self, ids: Tensor, patches: int, has_picture: Tensor | None) -> tuple[Tensor, Tensor]:
        """For every output position: where it comes from in [text, picture], and whether it is the picture's."""
        found = ids == self.first_edit_token
        expected = torch.ones_like(found[:, 0]) if has_picture is None else has_picture
        if not found.any(dim=1)[expected].all():
            raise ModelError("a conversation has no place for its picture; put <img_0> between <im_start> and <im_end>")
        length = ids.shape[1]
        start = torch.where(expected, found.int().argmax(dim=1), length)[:, None]
        position = torch.arange(length - 1 + patches, device=ids.device)[None]
        is_picture = (position >= start) & (position < start + patches)
        after = torch.where(position < start, position, position - patches + 1)
        return torch.where(is_picture, length + position - start, after), is_picture

    def _run(
        self, embeds: Tensor, mask: Tensor, positions: Tensor | None = None, cache: DynamicCache | None = None
    ) -> Tensor:
        # The whole causal LM is called, not its inner model, so that offload hooks see the call.
        # The cache goes by its place: its keyword has another name from one release of transformers 5 to the next.
        output = self.language_model(
            None,
            mask,
            positions,
            cache,
            inputs_embeds=embeds,
            use_cache=cache is not None,
            output_hidden_states=True,
            logits_to_keep=1,
        )
        return output.hidden_states[-1]

    def _embed(self, ids: Tensor) -> Tensor:
        table = self.language_model.get_input_embeddings()
        return table(ids.to(table.weight.device)).to(ids.device)

    def _logits(self, states: Tensor) -> Tensor:
        head = self.language_model.get_output_embeddings()
        return head(states.to(head.weight))

    def _ends(self) -> list[int]:
        end = self.language_model.config.get_text_config().eos_token_id
        return list(end) if isinstance(end, (list, tuple)) else [end]

    def _is_end(self, tokens: Tensor) -> Tensor:
        return (tokens >= self.first_edit_token) | torch.isin(tokens, torch.tensor(self._ends(), device=tokens.device))

    def _cut(self, tokens: Tensor) -> list[Tensor]:
        ended = self._is_end(tokens).int()
        lengths = torch.where(ended.any(dim=1), ended.argmax(dim=1), tokens.shape[1])
        return [row[:n] for row, n in zip(tokens, lengths.tolist(), strict=True)]


def _branched(branch: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Who sees whom (B, 1, L, L), True where seen, and positions (B, L) of rows packed as in `MLLM.forward`."""
    count, length = branch.shape
    place = torch.arange(length, device=branch.device).expand(count, -1)
    number = branch.clamp_min(0)
    first = torch.full_like(branch, length).scatter_reduce(1, number, place, "amin")
    shared = (branch == 0).sum(dim=1, keepdim=True)
    positions = torch.where(branch > 0, place - first.gather(1, number) + shared, place)
    same = (branch[:, None, :] == branch[:, :, None]) | (branch[:, None, :] == 0)
    seen = same & mask.bool()[:, None, :] & torch.ones(length, length, dtype=torch.bool, device=branch.device).tril()
    alone = torch.eye(length, dtype=torch.bool, device=branch.device)  # padding sees itself: no row without any
    return (seen | alone)[:, None], positions


def _choose(logits: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
    if temperature < 1e-4:
        return logits.argmax(dim=-1)
    odds = torch.softmax(logits.float() / temperature, dim=-1)
    device = generator.device if generator is not None else odds.device
    return torch.multinomial(odds.to(device), 1, generator=generator)[:, 0].to(logits.device)
