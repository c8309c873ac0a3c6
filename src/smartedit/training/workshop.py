"""What all stages work on: the parts of a model, its tokenizer, its scheduler and the cached data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from smartedit.conversation import CONTEXT_LENGTH, build_tokenizer, edit_ids, edit_prompt
from smartedit.data.cache import Cache
from smartedit.errors import TrainingError
from smartedit.models.brush import DYES, MASKS, Brush
from smartedit.models.mllm import MLLM
from smartedit.models.presets import build, build_scheduler, get_preset
from smartedit.models.smartedit import SmartEdit
from smartedit.world.vocabulary import vocabulary

#: CLIP's own normalisation of pictures in [0, 1].
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)

#: Size of the feature that points, per channel: about that of what `conv_in` gives.
POINTED_SIZE = 1.0


class ContrastHeads(nn.Module):
    """What contrast needs and nothing else does: projections of both towers, a vector for "no object", the scale; and what a
    state of the language model is compared with to see which patch it means."""

    def __init__(self, image_width: int, text_width: int, lm_width: int, patches: int, width: int = 192) -> None:
        super().__init__()
        self.picture = nn.Linear(image_width, width, bias=False)
        self.patch = nn.Linear(image_width, width, bias=False)
        self.text = nn.Linear(text_width, width, bias=False)
        self.nothing = nn.Parameter(torch.randn(width) * 0.1)
        self.seeker = nn.Linear(lm_width, width, bias=False)
        self.sought = nn.Linear(image_width, width)
        self.places = nn.Parameter(torch.randn(patches, width) * 0.5)
        self.log_scale = nn.Parameter(torch.tensor(2.6))
        self.log_scale_words = nn.Parameter(torch.tensor(2.6))

    @property
    def scale(self) -> Tensor:
        """The inverse temperature, at most 100 as in CLIP."""
        return self.log_scale.exp().clamp(max=100.0)

    @property
    def scale_words(self) -> Tensor:
        """The same for patches against words of the language model."""
        return self.log_scale_words.exp().clamp(max=100.0)

    def finds(self, states: Tensor, features: Tensor) -> Tensor:
        """How well states (N, lm_width) fit every patch of features (N, P, image_width): logits (N, P)."""
        patches = self.sought(features) + self.places
        return torch.einsum("nd,npd->np", self.seeker(states), patches) / math.sqrt(self.places.shape[1])


@dataclass
class Workshop:
    """Everything a loss may touch. `train` and `validation` are None until their caches exist."""

    parts: dict[str, nn.Module]
    tokenizer: PreTrainedTokenizerFast
    scheduler: object
    train: Cache | None = None
    validation: Cache | None = None
    extra: dict = field(default_factory=dict)
    #: The feature of a cell that is pointed at, (C, 1, 1): fixed, so that BIM can learn to point while the UNet learns to follow.
    code: Tensor = field(init=False)
    #: The ids of the token that a reply follows, and of that which a box follows.
    assistant: int = field(init=False)
    at: int = field(init=False)

    @classmethod
    def fresh(cls, preset: str = "tiny", seed: int = 0, device: str = "cpu") -> Workshop:
        """Random parts of a preset, reproducible from the seed, on a device."""
        torch.manual_seed(seed)
        tokenizer = build_tokenizer(list(vocabulary()))
        parts = build(preset, len(tokenizer))
        tables = get_preset(preset).tables
        widths = (tables[part]["hidden_size"] for part in ("vision_tower", "text_encoder", "language_model"))
        parts["contrast"] = ContrastHeads(*widths, get_preset(preset).patches)
        _start_quiet(parts["unet"])
        return cls({name: part.to(device) for name, part in parts.items()}, tokenizer, build_scheduler(preset))

    def __post_init__(self) -> None:
        width = self.parts["unet"].config.block_out_channels[0]
        self.code = torch.randn(width, 1, 1, generator=torch.Generator().manual_seed(0)).to(self.device) * POINTED_SIZE
        first = edit_ids(self.tokenizer)[0]
        self.assistant, self.at = self.tokenizer.convert_tokens_to_ids(["assistant:", "at"])
        self.mllm = MLLM(self.parts["vision_tower"], self.parts["projector"], self.parts["language_model"], first)

    @property
    def device(self) -> torch.device:
        """Where the parts are."""
        return self.parts["unet"].device

    def model(self, with_bim: bool) -> SmartEdit:
        """The parts assembled; without BIM the feature is left out (stage `joint`)."""
        bim = self.parts["bim"] if with_bim else None
        return SmartEdit(self.mllm, self.parts["qformer"], bim, self.parts["unet"], anchored=True, brush=self.brush)

    @property
    def brush(self) -> Brush:
        """What the UNet's outputs are painted with."""
        return Brush(self.parts["vae"], self.parts["object_head"])

    def pointed(self, feature: Tensor) -> Tensor:
        """How much a feature (B, C, h, w) points at every cell, (B, 1, h, w), about 0 ... 1."""
        return (feature * self.code).sum(1, keepdim=True) / self.code.square().sum()

    def prompts(self, instructions: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Ids and mask (B, T) of what the language model is asked, padded on the right; on the CPU."""
        rows = [torch.tensor(edit_prompt(self.tokenizer, said)) for said in instructions]
        masks = [torch.ones_like(row) for row in rows]
        return tuple(nn.utils.rnn.pad_sequence(some, batch_first=True) for some in (rows, masks))

    def text_context(self, texts: list[str]) -> Tensor:
        """CLIP text states of every text, padded to the context length: (B, 40, width)."""
        return self._text_states(self._text_ids(texts), CONTEXT_LENGTH)

    def text_ends(self, texts: list[str]) -> Tensor:
        """CLIP text state at the end of every text: (B, width). Pads no further than the longest."""
        rows = self._text_ids(texts)
        states = self._text_states(rows, max(map(len, rows)))
        return states[torch.arange(len(rows)), torch.tensor([len(row) - 1 for row in rows])]

    def _text_ids(self, texts: list[str]) -> list[list[int]]:
        start, end = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id
        every = self.tokenizer(texts, add_special_tokens=False)["input_ids"]
        return [[start, *ids][: CONTEXT_LENGTH - 1] + [end] for ids in every]

    def _text_states(self, rows: list[list[int]], width: int) -> Tensor:
        ids = torch.zeros(len(rows), width, dtype=torch.long)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = torch.tensor(row)
        return self.parts["text_encoder"](input_ids=ids.to(self.device)).last_hidden_state

    @torch.no_grad()
    def start_from(self, folder: Path) -> list[str]:
        """Take over what a saved model of this size has (and its rival beside it); gives the names of these parts.

        Raises TrainingError for a folder without parts or with another vocabulary or shape.
        """
        words = PreTrainedTokenizerFast.from_pretrained(folder / "tokenizer").get_vocab()
        if words != self.tokenizer.get_vocab():
            raise TrainingError(f"{folder} was trained with other words; start without it")
        rival = folder.with_name("base")
        places = {name: folder / name for name in self.parts} | {
            name: rival / name for name in ("text_encoder", "unet", "object_head") if (rival / name).is_dir()
        }  # fmt: skip
        found = {name: sorted(place.glob("*.safetensors")) for name, place in places.items()}
        taken = {name: {k: v.float() for file in files for k, v in load_file(file).items()} for name, files in found.items() if files}
        for name, weights in taken.items():
            try:
                self.parts[name].load_state_dict(weights)
            except RuntimeError as error:
                raise TrainingError(f"{name} of {folder} has another shape than it has here; start without it") from error
        return list(taken)

    def load_weights(self, folder: Path) -> list[str]:
        """Load every part that has a file in `folder`; gives their names."""
        found = [path for path in sorted(folder.glob("*.safetensors")) if path.stem in self.parts]
        for path in found:
            self.parts[path.stem].load_state_dict(load_file(path))
        return [path.stem for path in found]


@torch.no_grad()
def _start_quiet(unet: nn.Module, noisy: float = 0.2, source: float = 4.0, closed: float = -3.0) -> None:
    """First change next to nothing (gates almost closed, no dye, masks half open), and see the source through the noise: latents
    are five times fainter than it."""
    channels = get_preset("tiny").tables["vae"]["latent_channels"]
    unet.conv_in.weight[:, :channels] *= noisy
    unet.conv_in.weight[:, channels : 2 * channels] *= source
    nn.init.zeros_(unet.conv_out.weight)
    nn.init.zeros_(unet.conv_out.bias)
    nn.init.constant_(unet.conv_out.bias[channels : -DYES - MASKS], closed)


def save_weights(weights: dict[str, dict[str, Tensor]], folder: Path) -> None:
    """One safetensors file a part."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, tensors in weights.items():
        save_file({k: v.contiguous().clone() for k, v in tensors.items()}, folder / f"{name}.safetensors")


def normalise_view(view: Tensor) -> Tensor:
    """uint8 (B, 3, V, V) -> float, as CLIP's towers expect it."""
    mean, std = (torch.tensor(v, device=view.device).view(1, 3, 1, 1) for v in (CLIP_MEAN, CLIP_STD))
    return (view.float() / 255 - mean) / std
