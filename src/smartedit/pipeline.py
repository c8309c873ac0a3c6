"""SmartEditPipeline: the object people use. Everything else (command line, demo, benchmark, server) calls it.

    encode -> understand -> condition -> denoise -> decode -> keep what is not edited

`EditPipeline` is that walk; what turns words into a condition is left to `SmartEditPipeline` here (the language model
understands picture and instruction) and to `BasePipeline` in `baseline.py` (a text encoder reads the words alone).
"""

from __future__ import annotations

import copy
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, DiffusionPipeline, SchedulerMixin, UNet2DConditionModel
from PIL import Image
from torch import Tensor
from transformers import CLIPVisionModel, LlamaForCausalLM, PreTrainedTokenizerBase

from smartedit import asking, bundles, checksums, conversation, images, region
from smartedit.call import Encoded, Request, SmartEditOutput, finished, joined
from smartedit.denoising import Denoising, advance
from smartedit.errors import InstructionError, ModelError, PictureError, SmartEditError
from smartedit.guidance import branch_weights, branches
from smartedit.likeness import looks_rendered
from smartedit.machine import quantised_language_model
from smartedit.models.autoencoder import PatchAutoencoder
from smartedit.models.bim import BIM
from smartedit.models.brush import Brush
from smartedit.models.mllm import MLLM, Projector
from smartedit.models.object_head import ObjectHead
from smartedit.models.presets import is_anchored
from smartedit.models.qformer import QFormer
from smartedit.models.smartedit import Condition, SmartEdit, Understanding
from smartedit.world.replies import humanise

OUTPUT_TYPES = ("pil", "np", "latent")


class EditPipeline(DiffusionPipeline):
    """An editor's walk from picture and words to picture; a subclass says what the words mean (`_conditions`).

    Beside its modules it is configured, and saved, with `only_rendered`, whether it was trained on the rendered world alone
    (then it says so when given something else), and the defaults of the call: `picture_size`, the working size in pixels,
    `fit`, how a picture is brought to it (`images.FITS`), `num_inference_steps`, `guidance_scale`, `image_guidance_scale`.
    """

    _callback_tensor_inputs = ("latents", "clean")

    @classmethod
    def from_pretrained(cls, name: str | os.PathLike, **options) -> EditPipeline:
        """Load a bundled model by name ("tiny") or a pipeline folder; in its own `precision` unless `dtype` says otherwise.

        `llm_bits` (8 or 4) loads the language model quantised. Other options are those of
        `DiffusionPipeline.from_pretrained`. Raises ModelError for an unknown name (naming
        near ones) and for a folder that is incomplete, damaged (its checksums are compared) or of another pipeline.
        """
        folder = bundles.find(name, cls.__name__)
        checksums.verify(folder)
        own = getattr(torch, bundles.index(folder).get("precision", "float32"))
        bits = options.pop("llm_bits", None)
        # Said by its older name, which every version of diffusers understands (the newer ones with a warning).
        precision = {"torch_dtype": options.pop("dtype", None) or options.pop("torch_dtype", own)}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)
                if bits is not None:
                    options["language_model"] = quantised_language_model(folder, bits, precision["torch_dtype"])
                shared = bundles.borrowed(folder, without=set(options), **precision)
                return super().from_pretrained(folder, **shared, **precision, **options)
        except SmartEditError:
            raise
        except Exception as error:  # five libraries load here, from files that may hold anything
            raise ModelError(f"model {name} is incomplete or damaged ({images.first_line(error)}); get it again") from error

    @property
    def model(self) -> SmartEdit:
        """The method's steps over the modules that the pipeline holds now."""
        parts = self.components
        mllm = None
        if "language_model" in parts:
            first = conversation.edit_ids(self.tokenizer)[0]
            mllm = MLLM(self.vision_tower, self.projector, self.language_model, first)
        brush = Brush(self.vae, parts.get("object_head")) if isinstance(self.vae, PatchAutoencoder) else None
        anchored = is_anchored(self.scheduler)
        return SmartEdit(mllm, parts.get("qformer"), parts.get("bim"), self.unet, anchored=anchored, brush=brush)

    @torch.no_grad()
    def encode(self, image: Image.Image, picture_size: int | None = None, fit: str | None = None) -> Encoded:
        """The picture's half of an edit, done once; give the result to a call as `image` as often as you like.

        `picture_size` and `fit` as in a call. Raises PictureError, or SmartEditError for a size that latents cannot have.
        """
        if not isinstance(image, Image.Image):
            raise PictureError(f"a picture is a PIL image, not {type(image).__name__}; open it with smartedit.images.open")
        cell = 2 ** (len(self.vae.config.block_out_channels) - 1)
        size = asking.picture_size(self._default(picture_size, "picture_size"), cell)
        fitted = images.fit(image, size, asking.fit(self._default(fit, "fit")), cell)
        pixels = torch.from_numpy(images.to_array(fitted.working))[None]
        source = self.vae.encode(pixels.to(self._execution_device, self.vae.dtype)).latent_dist.mode()
        return Encoded(fitted, source, np.asarray(self._pictures(source)[0]), self._features(fitted.square))

    @torch.no_grad()
    def begin(
        self,
        prompts: list[str],
        pictures: list[Encoded],
        steps: list[int],
        weights: list[dict[str, float]],
        generators: list[torch.Generator],
    ) -> tuple[list[Denoising], list[str]]:
        """Edits ready for `denoising.advance`, each with steps, `branch_weights` and noise of its own, and the replies.

        Pictures must have latents of one shape. The same words about the same picture are understood once.
        """
        asked = [(prompt, id(picture.source)) for prompt, picture in zip(prompts, pictures, strict=True)]
        different = list(dict.fromkeys(asked))
        chosen = [asked.index(each) for each in different]
        condition, wordless, replies = self._conditions([prompts[i] for i in chosen], [pictures[i] for i in chosen])
        rows = [different.index(each) for each in asked]
        started = [
            Denoising.start(
                branches(pictures[i].source, condition.row(row), wordless.row(row), weights[i]),
                copy.deepcopy(self.scheduler), steps[i], [generators[i]],
            ) for i, row in enumerate(rows)
        ]  # fmt: skip
        return started, [replies[row] for row in rows]

    @torch.no_grad()
    def decode(self, latents: Tensor) -> list[Image.Image]:
        """The edited squares of latents (B, c, h, w); `finished` makes whole pictures of them."""
        return self._pictures(latents / self.vae.config.scaling_factor)

    @torch.no_grad()
    def __call__(
        self,
        prompt: str | Sequence[str],
        image: Image.Image | Encoded | Sequence,
        num_inference_steps: int | None = None,
        guidance_scale: float | None = None,
        image_guidance_scale: float | None = None,
        generator: torch.Generator | list[torch.Generator] | None = None,
        seed: int | Sequence[int] | None = None,
        keep_outside: bool = True,
        mask_image: Image.Image | Sequence[Image.Image | None] | None = None,
        picture_size: int | None = None,
        fit: str | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
        callback_on_step_end: Callable[[DiffusionPipeline, int, Any, dict], dict] | None = None,
        callback_on_step_end_tensor_inputs: Sequence[str] = ("latents",),
    ) -> SmartEditOutput | tuple:
        """Edit pictures by instructions: one or several of either, paired in order (a single one goes with all).

        `image` is a PIL picture or what `encode` made of one. `seed` (counting up from picture to picture) or
        `generator` (one, or one a picture) fixes the result: each picture has its own noise, whatever the batch.
        `keep_outside` leaves every pixel outside the changed region as it came, bit for bit.
        `mask_image` (mode "L" or "1", the size of the picture; one, or one a picture) bounds the edit: where it is black
        nothing changes, bit for bit and even without `keep_outside`. A guidance scale of 1
        switches that guidance off and saves its share of the work. `picture_size` (256, 384, 512 ...) and `fit` say at which
        size, and in which of the ways of `images.FITS`, the model works. None takes the model's default.

        Raises InstructionError, PictureError, or SmartEditError for settings that make no sense.
        """
        if output_type not in OUTPUT_TYPES:
            raise SmartEditError(f"no output type {output_type!r}; choose one of {', '.join(OUTPUT_TYPES)}")
        prompts, pictures = asking.paired(prompt, image)
        generators, seeds = asking.generators(len(prompts), generator, seed)
        timings: dict[str, float] = {}
        request = Request(
            prompts=[self.checked(text) for text in prompts],
            pictures=pictures,
            masks=asking.masks(mask_image, len(prompts)),
            generators=generators,
            steps=asking.steps(self._default(num_inference_steps, "num_inference_steps")),
            weights=branch_weights(*(
                asking.scale(self._default(value, name), name)
                for value, name in ((guidance_scale, "guidance_scale"), (image_guidance_scale, "image_guidance_scale"))
            )),
            callback=callback_on_step_end,
            callback_names=callback_on_step_end_tensor_inputs,
        )  # fmt: skip
        with _timed(timings, "encode"):
            request.pictures = self._encoded(pictures, picture_size, fit)
        output = self._edited_by_shape(request, keep_outside, output_type)
        output.seed, output.timings = seeds, {**timings, **output.timings}
        return output if return_dict else output.to_tuple()

    def _edited_by_shape(self, request: Request, keep_outside: bool, output_type: str) -> SmartEditOutput:
        """Pictures of one working size together, sizes one after another."""
        shapes: dict[tuple, list[int]] = {}
        for number, picture in enumerate(request.pictures):
            shapes.setdefault(tuple(picture.source.shape), []).append(number)
        outputs = [self._edited(request.rows(numbers), keep_outside, output_type) for numbers in shapes.values()]
        return outputs[0] if len(outputs) == 1 else joined(outputs, list(shapes.values()))

    def _edited(self, request: Request, keep_outside: bool, output_type: str) -> SmartEditOutput:
        timings: dict[str, float] = {}
        pictures = request.pictures
        masks = [mask and region.bound(mask, picture.fitted.original.size)
                 for mask, picture in zip(request.masks, pictures, strict=True)]  # fmt: skip
        with _timed(timings, "understand"):
            condition, wordless, replies = self._conditions(request.prompts, pictures)
        with _timed(timings, "denoise"):
            source = torch.cat([picture.source for picture in pictures])
            latents = self._denoised(source, condition, wordless, request)
        notes = [self.notes(prompt, picture) for prompt, picture in zip(request.prompts, pictures, strict=True)]
        output = SmartEditOutput(latents, replies, [], [], notes, timings)
        if output_type != "latent":
            with _timed(timings, "decode"):
                squares = self.decode(latents)
                done = [finished(*each, keep_outside) for each in zip(pictures, squares, masks, strict=True)]
            output.images, output.region = (list(column) for column in zip(*done, strict=True))
        if output_type == "np":
            output.images = [np.asarray(picture, np.float32) / 255 for picture in output.images]
        return output

    def _denoised(self, source: Tensor, condition: Condition, wordless: Condition, request: Request) -> Tensor:
        """From noise to the edited latents (B, c, h, w)."""
        started = branches(source, condition, wordless, request.weights)
        denoising = Denoising.start(started, self.scheduler, request.steps, request.generators)
        with self.progress_bar(total=len(self.scheduler.timesteps)) as bar:
            while not denoising.done:
                step, t = denoising.step, denoising.t
                advance(self.model.denoise, [denoising])
                denoising.latents = self._after_step(request, step, t, denoising)
                bar.update()
        return denoising.latents

    def _after_step(self, request: Request, step: int, t: Tensor, denoising: Denoising) -> Tensor:
        """What the caller's `callback_on_step_end` makes of the latents."""
        latents = denoising.latents
        if request.callback is None:
            return latents
        known = {"latents": latents, "clean": latents if denoising.expected is None else denoising.expected}
        result = request.callback(self, step, t, {name: known[name] for name in request.callback_names})
        return result.get("latents", latents)

    def _conditions(self, prompts: list[str], pictures: list[Encoded]) -> tuple[Condition, Condition, list[str]]:
        """What the UNet is given with the words and without them, and the replies in words."""
        raise NotImplementedError

    def _features(self, square: Image.Image) -> Tensor | None:
        return None

    def _encoded(self, pictures: list, picture_size: int | None = None, fit: str | None = None) -> list[Encoded]:
        """Every picture encoded, the same one only once."""
        different = {id(picture): picture for picture in pictures if not isinstance(picture, Encoded)}
        ready = {key: self.encode(picture, picture_size, fit) for key, picture in different.items()}
        return [ready.get(id(picture), picture) for picture in pictures]

    def _pictures(self, latents: Tensor) -> list[Image.Image]:
        return [images.from_array(values) for values in self._decoded(latents)]

    def _decoded(self, latents: Tensor) -> np.ndarray:
        """Latents as the decoder reads them, unscaled, as pixels, float32 (B, 3, H, W) in about [-1, 1]."""
        return self.vae.decode(latents.to(self.vae.dtype)).sample.float().cpu().numpy()

    def checked(self, prompt: str) -> str:
        """An instruction as it is read; InstructionError when it cannot be carried out."""
        words = asking.instruction(prompt)
        _, known = conversation.unknown_words(self.tokenizer, words)
        if not known:
            raise InstructionError(f"no known word in {images.printable(words)[:60]!r}; say it in English, such as: remove the red apple")
        return words

    def notes(self, prompt: str, picture: Encoded) -> list[str]:
        """Remarks for the user: words that the model never saw, a picture of a kind that it was not trained on."""
        unknown, _ = conversation.unknown_words(self.tokenizer, prompt)
        words = [word for word in dict.fromkeys(unknown) if word.isalnum()]
        notes = [f"words it has never seen: {images.printable(', '.join(words))}"] if words else []
        if self.config.only_rendered and not looks_rendered(picture.fitted.square):
            notes.append("this does not look like a rendered scene, and this model was trained on nothing else; expect little")
        return notes

    def _default(self, value: Any, name: str) -> Any:
        return getattr(self.config, name) if value is None else value


class SmartEditPipeline(EditPipeline):
    """The whole method: the language model understands picture and instruction, QFormer and BIM carry it to the UNet.

    Without `bim` it is the method's stage before BIM: the same call, no feature. tiny's `object_head` says what is one answer for
    a whole object. Two more entries of the configuration: `template` names the conversation the language model was trained with
    (`conversation.TEMPLATES`), `precision` the one that `from_pretrained` loads the weights in.
    """

    model_cpu_offload_seq = "vision_tower->projector->language_model->qformer->bim->unet->vae"
    _optional_components = ["bim", "object_head"]
    _exclude_from_cpu_offload = ["object_head"]  # small, and asked in every step after the UNet

    #: Whether the parts that read are given back once a call has understood: for one edit where memory is short.
    single_use = False

    def __init__(
        self,
        vae: AutoencoderKL | PatchAutoencoder,
        vision_tower: CLIPVisionModel,
        projector: Projector,
        language_model: LlamaForCausalLM,
        qformer: QFormer,
        bim: BIM | None,
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
        template: str = "tiny",
        precision: str = "float32",
    ) -> None:
        super().__init__()
        self.register_modules(
            vae=vae, vision_tower=vision_tower, projector=projector, language_model=language_model, qformer=qformer,
            bim=bim, unet=unet, scheduler=scheduler, tokenizer=tokenizer, object_head=object_head,
        )  # fmt: skip
        self.register_to_config(
            picture_size=picture_size, fit=fit, only_rendered=only_rendered, num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale, image_guidance_scale=image_guidance_scale, template=template, precision=precision,
        )  # fmt: skip

    @torch.no_grad()
    def understand(
        self,
        prompt: str | Sequence[str],
        image: Image.Image | Encoded | Sequence,
        temperature: float | None = None,
        generator: torch.Generator | None = None,
    ) -> Understanding:
        """What the language model makes of instructions and pictures (paired as in a call): reply and edit states.

        With a `temperature` it words its reply itself, greedily at 0, else sampled with `generator` (published: 0.7). None is
        the template's way: the sentence it has, or greedy words.
        """
        prompts, pictures = asking.paired(prompt, image)
        prompts, pictures = [self.checked(text) for text in prompts], self._encoded(pictures)
        template = conversation.TEMPLATES[self.config.template]
        rows = [torch.tensor(conversation.edit_prompt(self.tokenizer, text, template)) for text in prompts]
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).to(self._execution_device)
        mask = torch.nn.utils.rnn.pad_sequence([torch.ones_like(row) for row in rows], batch_first=True).to(ids)
        features = torch.cat([picture.features for picture in pictures])
        reply = torch.tensor(conversation.encode(self.tokenizer, template.answer), device=ids.device)
        sampling = {} if temperature is None else {"temperature": temperature, "generator": generator}
        if temperature is None and template.answer:
            sampling["reply"] = [reply] * len(ids)
        return self.model.understand(ids, mask, image_features=features, **sampling)

    @torch.no_grad()
    def condition(self, understanding: Understanding, size: tuple[int, int] | None = None) -> Condition:
        """What the UNet is given of an understanding, for latents of `size` (h, w), by default the model's own."""
        if size is None:
            size = (self.config.picture_size // 2 ** (len(self.vae.config.block_out_channels) - 1),) * 2
        side = max(size)  # the vision tower was shown a square; its features are spread over it, then cut like the picture
        condition = self.model.condition(understanding, (side, side))
        if condition.feature is not None:
            (top, left), (h, w) = ((side - length) // 2 for length in size), size
            condition.feature = condition.feature[..., top : top + h, left : left + w]
        return condition

    def release_reader(self) -> None:
        """Give back the memory of vision tower, projector and language model; nothing can be understood afterwards."""
        for name in ("vision_tower", "projector", "language_model"):
            self.register_modules(**{name: None})

    def reply(self, understanding: Understanding) -> list[str]:
        """The replies of an understanding, one sentence a row."""
        return [humanise(self.tokenizer.decode(ids, skip_special_tokens=True)) for ids in understanding.reply]

    def _conditions(self, prompts: list[str], pictures: list[Encoded]) -> tuple[Condition, Condition, list[str]]:
        understanding = self.understand(prompts, pictures)
        if self.single_use:
            self.release_reader()
        condition = self.condition(understanding, tuple(pictures[0].source.shape[-2:]))
        return condition, self.model.without_words(condition), self.reply(understanding)

    def _features(self, square: Image.Image) -> Tensor:
        view = torch.from_numpy(images.view(square, self.vision_tower.config.image_size))[None]
        return self.model.mllm.encode_view(view.to(self._execution_device, self.vision_tower.dtype))


@contextmanager
def _timed(timings: dict[str, float], name: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    timings[name] = round(time.perf_counter() - started, 4)
