"""From noise to picture, and one training step: schedule, guided loop, losses."""

from __future__ import annotations

import sys
from unittest import mock

import torch
from check_parts import loaded_qformer
from check_reading import ALPHA, RANK, language_model
from diffusers import AutoencoderKL, UNet2DConditionModel
from golden import Case, drawn, recipe_weights
from PIL import Image
from published import linear, qformer_shapes, transformer_shapes

import smartedit.models.smartedit
import smartedit.training.losses
from smartedit.models.bim import BIM
from smartedit.models.keys import bim_key, projector_key, renamed, unet_key
from smartedit.models.mllm import MLLM, Projector
from smartedit.models.presets import get_preset
from smartedit.models.smartedit import Condition, SmartEdit
from smartedit.pipeline import EditPipeline
from smartedit.training.losses import drop_conditions
from smartedit.training.published import NoiseStep, noise_loss


def scheduler_of(case: Case):
    """The scheduler of the published sizes, with whatever the case says of it."""
    kind, table = get_preset("7b").scheduler
    assert kind.__name__ == case.settings["scheduler"]
    return kind(**{**table, **case.settings["scheduler_config"]})


def check_schedule(case: Case) -> None:
    scheduler = scheduler_of(case)
    scheduler.set_timesteps(len(case["timesteps"]))
    case.assert_close(scheduler.timesteps.float(), "timesteps")
    case.assert_close(scheduler.sigmas, "sigmas")
    torch.testing.assert_close(float(scheduler.init_noise_sigma), case.settings["init_noise_sigma"], rtol=1e-5, atol=1e-4)


class GivenConditions(EditPipeline):
    """Our pipeline's walk with conditions that are handed in instead of understood."""

    def __init__(
        self, vae, unet, scheduler, picture_size: int, fit: str, num_inference_steps: int, guidance_scale: float, image_guidance_scale: float
    ) -> None:
        super().__init__()
        self.register_modules(vae=vae, unet=unet, scheduler=scheduler)
        self.register_to_config(
            picture_size=picture_size, fit=fit, num_inference_steps=num_inference_steps,
            guidance_scale=guidance_scale, image_guidance_scale=image_guidance_scale,
        )  # fmt: skip

    def _conditions(self, prompts, pictures):
        return (*self.given, [""] * len(prompts))

    def checked(self, prompt):
        return prompt

    def notes(self, prompt, picture):
        return []


def check_pipeline(case: Case) -> None:
    unet = UNet2DConditionModel(**case.settings["unet_config"]).eval()
    unet.load_state_dict(renamed(case.under("unet."), unet_key))
    vae = AutoencoderKL(**case.settings["vae_config"]).eval()
    vae.load_state_dict(case.under("vae."))
    contexts = (case["in.prompt_embeds"], case["in.negative_prompt_embeds"])
    conditions = tuple(Condition(context, case["in.image_residual"]) for context in contexts)
    scales = {name: case.settings[name] for name in ("guidance_scale", "image_guidance_scale")}
    size = min(case.settings["image_size_wh"])
    config = {"picture_size": size, "fit": "shorter", "num_inference_steps": case.settings["steps"], **scales}
    pipe = GivenConditions(vae, unet, scheduler_of(case), **config)
    pipe.given = conditions
    pipe.set_progress_bar_config(disable=True)
    encoded = pipe.encode(Image.fromarray(case["in.image_uint8_hwc"].numpy()))
    case.assert_close(torch.from_numpy(smartedit.images.to_array(encoded.fitted.working))[None], "mid.preprocessed_image")
    case.assert_close(encoded.source, "mid.image_latents_mode")
    steps, calls, latents = _edited(case, pipe, encoded)
    case.assert_close(torch.stack(steps), "out.latents_per_step")
    case.assert_close(pipe.scheduler.timesteps.float(), "mid.timesteps")
    case.assert_close(pipe.scheduler.sigmas, "mid.sigmas")
    first, last = calls[0], calls[-1]
    for name, value in zip(("in", "emb", "residual", "out"), first, strict=True):
        case.assert_close(value, f"mid.unet_{name}_step0")
    case.assert_close(last[3], "mid.unet_out_last")
    pixels = pipe._decoded(latents / vae.config.scaling_factor).transpose(0, 2, 3, 1)
    case.assert_close(torch.from_numpy(pixels / 2 + 0.5).clamp(0, 1), "out.image_np", atol=1e-5, rtol=0)


def _edited(case: Case, pipe: EditPipeline, encoded) -> tuple[list, list, torch.Tensor]:
    """Latents after every step, what the UNet was asked and answered, the last latents; noise as in the case."""
    noises = [case["in.initial_unit_noise"], *case["in.step_noises"]]
    calls, steps, real = [], [], smartedit.models.smartedit.denoise

    def watched(unet, sample, t, context, feature, *rest):
        answer = real(unet, sample, t, context, feature, *rest)
        calls.append((sample, context, feature, answer))
        return answer

    def kept(pipe, step, t, values):
        steps.append(values["latents"])
        return values

    with mock.patch.object(smartedit.models.smartedit, "denoise", watched), _all_noise_from(noises):
        result = pipe("anything", encoded, output_type="latent", callback_on_step_end=kept)
    assert not noises, "noise was left over"
    return steps, calls, result.images


def _all_noise_from(noises: list[torch.Tensor]):
    """Whoever has imported diffusers' `randn_tensor` gets the next of `noises`."""
    from diffusers.utils.torch_utils import randn_tensor

    users = [module for module in list(sys.modules.values()) if getattr(module, "__dict__", {}).get("randn_tensor") is randn_tensor]
    patches = [mock.patch.object(module, "randn_tensor", lambda *_, **__: noises.pop(0)) for module in users]
    return _Together(patches)


class _Together(list):
    def __enter__(self):
        return [patch.start() for patch in self]

    def __exit__(self, *_):
        for patch in self:
            patch.stop()


def check_training(case: Case) -> None:
    model, null = _model(case)
    ids, mask, labels = (torch.nn.functional.pad(case[f"in.{name}"], (0, 1), value=fill)  # as published: one pad for the <img_0> that goes
                         for name, fill in (("input_ids", 0), ("attention_mask", 0), ("labels", -100)))
    features = _recipe(case, "clip_features", (len(ids), 256, model.mllm.projector.config.image_width))
    splice = model.mllm.splice

    flips, ties = [], []  # a value between two bfloat16s is rounded as a machine's sums fall; the published one's fell its own way

    def rounded(*args):
        spliced = splice(*args)
        low, high = ((spliced.embeds * (1 + sign * 2e-6)).bfloat16().float() for sign in (-1, 1))
        near = spliced.embeds.bfloat16().float()  # as published
        ties[:] = (low != high).nonzero().tolist()
        for place in flips:
            near[place] = torch.where(near[place] == low[place], high[place], low[place])
        spliced.embeds = near
        return spliced

    with mock.patch.object(model.mllm, "splice", rounded):
        spliced = splice(ids, model.mllm.projector(features), mask.long(), labels)
        output = model.mllm(ids, features, mask.long(), labels)
        for _ in range(8):
            near = torch.isclose(output.states[..., :8], case["mid.hidden_first8"], atol=case.settings["tolerance"]["mid_atol"], rtol=1e-4)
            off = (~near).any(-1).nonzero().tolist()
            new = [tuple(tie) for tie in ties if tie[:2] in off and tuple(tie) not in flips]
            if not new:
                break
            flips.append(new[0])
            output = model.mllm(ids, features, mask.long(), labels)
    _compare(case, spliced.attention_mask.float(), "mid.llm_attention_mask")
    _compare(case, output.edit_mask.long(), "mid.qformer_encoder_mask")
    _compare(case, output.states[..., :8], "mid.hidden_first8")
    context = model.qformer(output.states, output.edit_mask)
    _compare(case, context, "mid.qformer_output")
    step = _step(case, len(ids))
    condition = Condition(*model.bim(context, features, tuple(step.noise.shape[-2:])))
    diffusion, predicted = noise_loss(model, get_scheduler(), condition, null, step, case["in.is_editing"][:, 0])
    _compare(case, step.shown_context(condition, null), "mid.prompt_after_cfg")
    _compare(case, step.shown_source()[..., ::4, ::4], "mid.unet_image_latents")
    _compare(case, step.noisy(get_scheduler())[..., ::4, ::4], "mid.unet_noisy_latents")
    _compare(case, condition.feature[..., ::4, ::4], "mid.image_residual")
    _compare(case, predicted, "mid.pred")
    within = {"atol": case.settings["tolerance"]["loss_abs"], "rtol": 0}
    for name, loss in (("lm", output.loss), ("diffusion", diffusion), ("total", output.loss + diffusion)):
        torch.testing.assert_close(float(loss), case.settings["loss"][name], **within, msg=lambda m, n=name: f"{n} loss: {m}")


def get_scheduler():
    kind, table = get_preset("7b").scheduler
    return kind(**table)


def _compare(case: Case, actual: torch.Tensor, name: str) -> None:
    case.assert_close(actual, name, atol=case.settings["tolerance"]["mid_atol"], rtol=1e-4)


def _recipe(case: Case, name: str, shape: tuple[int, ...], scale: float = 1.0) -> torch.Tensor:
    return drawn(case.settings["recipe_seeds"][name], shape, scale)


def _step(case: Case, count: int) -> NoiseStep:
    shape = (count, 4, *case["mid.pred"].shape[-2:])
    with mock.patch.object(smartedit.training.losses.torch, "rand", lambda *_, **__: case["in.cfg_uniform"]):
        no_text, no_picture = drop_conditions(count, 0.05, torch.Generator())
    target = _recipe(case, "edited_latents_unscaled", shape) * get_preset("7b").tables["vae"]["scaling_factor"]
    noise = _recipe(case, "noise", shape)
    return NoiseStep(_recipe(case, "original_latents", shape), target, noise, case["in.timesteps"], no_text, no_picture)


def _model(case: Case) -> tuple[SmartEdit, torch.Tensor]:
    """Every part filled from its own seed under its published names; and the context of the empty instruction."""
    settings, seeds = case.settings, case.settings["recipe_seeds"]

    def filled(name: str, shapes: dict) -> dict[str, torch.Tensor]:
        return recipe_weights(shapes, seeds[name])

    llama, qformer, queries = settings["llama"], settings["qformer"], settings["nq"]
    width, hidden, seen = qformer["hidden_size"], llama["hidden_size"], 1024
    head = filled("lm_head", {"weight": (llama["vocab_size"], hidden)})["weight"]
    language = language_model(filled("llm_with_lora", settings["llm_keys"]), llama, ALPHA / RANK, head)
    projector = Projector(image_width=seen, hidden=hidden)
    weights = filled("mm_projector", linear("", hidden, seen))
    projector.load_state_dict(renamed({f"mm_projector{name}": t for name, t in weights.items()}, projector_key))
    mllm = MLLM(None, projector, language, llama["vocab_size"] - 32).eval()
    shapes = qformer_shapes(width, qformer["intermediate_size"], qformer["num_hidden_layers"], hidden, qformer["cross_attention_freq"])
    reader = loaded_qformer(filled("qformer", shapes), _recipe(case, "query_tokens_scale0_5", (1, queries, width), 0.5), qformer)
    unet = UNet2DConditionModel(**settings["unet_config"]).eval()
    names = {name: tuple(t.shape) for name, t in unet.state_dict().items()}
    unet.load_state_dict(renamed({f"unet.{name}": t for name, t in filled("unet", names).items()}, unet_key))
    return SmartEdit(mllm, reader, _bim(case, width, seen), unet), _recipe(case, "null_text", (1, queries, width))


def _bim(case: Case, context: int, width: int) -> BIM:
    channels, mlp = case.settings["zeroconv_out"], 2 * width
    modules = {
        "modulate_head": ("modulate_head", linear("", width, context)),
        "modulate_transformer": ("modulate_transformer", {f".{k}": v for k, v in transformer_shapes(width, mlp).items()}),
        "pe_layer": ("pe_layer", {".positional_encoding_gaussian_matrix": (2, width // 2)}),
        "zeroconv": ("dimension_reduction_head_zeroconv", {".weight": (channels, width, 1, 1), ".bias": (channels,)}),
        "qformer_out": ("dimension_reduction_head_qformer_out", linear("", context, width)),
    }
    state = {
        f"{name}{key}": tensor
        for seed, (name, shapes) in modules.items()
        for key, tensor in recipe_weights(shapes, case.settings["recipe_seeds"][seed]).items()
    }
    model = BIM(context_width=context, width=width, mlp=mlp, feature_channels=channels).eval()
    model.load_state_dict(renamed(state, bim_key))
    return model
