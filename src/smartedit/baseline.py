"""The `base` rival: an InstructPix2Pix-style editor. A text encoder reads the words; nobody looks at the picture first.

Same call, same walk, same UNet architecture as SmartEditPipeline, so that what differs is the understanding.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, SchedulerMixin, UNet2DConditionModel
from transformers import CLIPTextModel, PreTrainedTokenizerBase

from smartedit.call import Encoded
from smartedit.conversation import CONTEXT_LENGTH, encode
from smartedit.models.autoencoder import PatchAutoencoder
from smartedit.models.object_head import ObjectHead
from smartedit.models.smartedit import Condition
from smartedit.pipeline import EditPipeline


class BasePipeline(EditPipeline):
    """Words -> CLIP text states -> UNet. Its replies are empty: it has no words of its own."""

    model_cpu_offload_seq = "text_encoder->unet->vae"
    _optional_components = ["object_head"]
    _exclude_from_cpu_offload = ["object_head"]

    def __init__(
        self,
        vae: AutoencoderKL | PatchAutoencoder,
        text_encoder: CLIPTextModel,
        unet: UNet2DConditionModel,
        scheduler: SchedulerMixin,
        tokenizer: PreTrainedTokenizerBase,
        object_head: ObjectHead | None = None,
        picture_size: int = 256,
        fit: str = "pad",
        only_rendered: bool = True,
        num_inference_steps: int = 12,
        guidance_scale: float = 1.5,
        image_guidance_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.register_modules(
            vae=vae, text_encoder=text_encoder, unet=unet, scheduler=scheduler, tokenizer=tokenizer, object_head=object_head
        )  # fmt: skip
        self.register_to_config(
            picture_size=picture_size, fit=fit, only_rendered=only_rendered, num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale, image_guidance_scale=image_guidance_scale,
        )  # fmt: skip

    def _conditions(self, prompts: list[str], pictures: list[Encoded]) -> tuple[Condition, Condition, list[str]]:
        ids = torch.tensor([self._text_ids(text) for text in (*prompts, "")], device=self._execution_device)
        states = self.text_encoder(input_ids=ids).last_hidden_state
        empty = states[-1:].expand(len(prompts), -1, -1)
        return Condition(states[:-1], told=states[:-1]), Condition(empty, told=states[:-1]), [""] * len(prompts)

    def _text_ids(self, text: str) -> list[int]:
        """BOS, the words, EOS and padding, `CONTEXT_LENGTH` in all; longer texts are cut."""
        words = encode(self.tokenizer, text)[: CONTEXT_LENGTH - 2]
        ids = [self.tokenizer.bos_token_id, *words, self.tokenizer.eos_token_id]
        return ids + [self.tokenizer.pad_token_id] * (CONTEXT_LENGTH - len(ids))
