"""Where the language model looks while it reads: the scores of one attention head, which a loss can then teach."""

from __future__ import annotations

from types import TracebackType

from torch import Tensor, nn
from transformers import LlamaForCausalLM
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

#: The head that looked most at what a reply is about to place when nothing had told it to: its layer, and which of that layer's.
LAYER, HEAD = 3, 0


class Gaze:
    """Within the block one head of a `LlamaForCausalLM` is watched; `scores` then tells what it saw in the last pass."""

    def __init__(self, language_model: LlamaForCausalLM, layer: int = LAYER, head: int = HEAD) -> None:
        self.attention, self.head = language_model.model.layers[layer].self_attn, head

    def __enter__(self) -> Gaze:
        self._hook = self.attention.register_forward_pre_hook(self._keep, with_kwargs=True)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._hook.remove()

    def _keep(self, attention: nn.Module, args: tuple, given: dict) -> None:
        self._states, self._turns = given["hidden_states"], given["position_embeddings"]

    def scores(self, rows: Tensor, words: Tensor, seen: slice) -> Tensor:
        """How much each word, at `words` (N,) of the rows `rows` (N,), looks at what stands at `seen` in its row: (N, P), before
        the softmax."""
        attention = self.attention

        def of_head(projection: nn.Module, head: int) -> Tensor:
            return projection(self._states).unflatten(-1, (-1, attention.head_dim))[:, None, :, head]

        asks = of_head(attention.q_proj, self.head)
        keys = of_head(attention.k_proj, self.head // attention.num_key_value_groups)
        asks, keys = apply_rotary_pos_emb(asks, keys, *self._turns)
        return (asks[rows, 0, words][:, None] * keys[rows, 0, seen]).sum(-1) * attention.scaling
