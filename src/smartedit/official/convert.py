"""`smartedit convert`: the published checkpoint becomes one of our pipeline folders."""

from __future__ import annotations

import errno
import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import diffusers
import torch
from diffusers.models.modeling_utils import ModelMixin

from smartedit import checksums
from smartedit.conversation import PUBLISHED, published_tokenizer
from smartedit.errors import ModelError
from smartedit.models.presets import get_preset
from smartedit.official import layout, parts
from smartedit.official.parts import Part
from smartedit.official.reading import Thawer, Weights, reader, weights_in
from smartedit.official.writing import SHARD, bytes_of, write_part

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}

#: What the published scripts call with.
SETTINGS = {
    "picture_size": 256, "fit": "shorter", "only_rendered": False, "num_inference_steps": 100, "guidance_scale": 7.5,
    "image_guidance_scale": 1.5, "template": PUBLISHED.name,
}  # fmt: skip

Say = Callable[[str], None]


@dataclass(frozen=True)
class Sources:
    """The folders to read: the published checkpoint, and what it leaves to others (None: not given)."""

    published: Path
    llava: Path | None = None
    clip: Path | None = None
    base: Path | None = None

    @property
    def tokenizer(self) -> Path | None:
        """Llama's sentencepiece file, beside LLaVA or the published files."""
        places = (folder / "tokenizer.model" for folder in (self.llava, self.published) if folder)
        return next((path for path in places if path.is_file()), None)

    def check(self) -> None:
        """ModelError naming everything that is missing and what would supply it."""
        for option, folder in (("--llava", self.llava), ("--clip", self.clip), ("--base", self.base)):
            if folder is not None and not folder.is_dir():
                raise ModelError(f"there is no folder {folder}; check {option}")
        missing = []
        if self.clip is None:
            missing.append("the vision tower (give --clip, a download of openai/clip-vit-large-patch14)")
        if self.base is None:
            missing.append("autoencoder and empty context (give --base, a download of timbrooks/instruct-pix2pix)")
        if self.tokenizer is None:
            missing.append("tokenizer.model (it comes with Vicuna and LLaVA; give --llava, or copy it beside the published files)")
        if missing:
            raise ModelError(f"not everything is there: {'; '.join(missing)}")


def convert(sources: Sources, out: Path, dtype: str = "bf16", say: Say = print, shard: int = SHARD) -> Path:
    """Write the pipeline folder `out`, whole or not at all; gives it. `say` is told what was found, merged and substituted.

    Raises ModelError for files that are missing, damaged, mixed up or of another size, before anything is written, and when
    the disk is full.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ModelError(f"{out} exists already; choose a new folder with --out")
    layout.find(sources.published)
    sources.check()
    with reader(sources.published, sources.llava, sources.clip, sources.base) as thawer:
        found = _parts(sources, thawer, say)
        tokenizer = _tokenizer(sources, found["language_model"])
        needed = sum(bytes_of(part, name, DTYPES[dtype]) for part in found.values() for name in part.pieces)
        with _unfinished(out, needed) as scratch:
            for name, part in found.items():
                write_part(part, scratch / name, DTYPES[dtype], shard)
                say(f"wrote   {part.title}")
            tokenizer.save_pretrained(scratch / "tokenizer")
            _scheduler(sources.base).save_pretrained(scratch / "scheduler")
            _write_index(found, scratch, DTYPES[dtype])
            checksums.record(scratch)
    return out


def _parts(sources: Sources, thawer: Thawer, say: Say) -> dict[str, Part]:
    """Every part of the pipeline, checked; nothing but headers and the text encoder has been read."""
    weights = layout.read(sources.published, thawer)
    _check_widths(weights)
    scale = layout.lora_scale(sources.published)
    llava = weights_in(sources.llava, thawer) if sources.llava and _has_weights(sources.llava) else None
    known = parts.configuration(sources.llava) if sources.llava and (sources.llava / "config.json").is_file() else {}
    positions = {name: known[name] for name in ("rms_norm_eps", "max_position_embeddings", "rope_theta") if name in known}
    clip = weights_in(sources.clip, thawer)
    text = sources.base / "text_encoder" if (sources.base / "text_encoder").is_dir() else sources.clip
    null = parts.null_context(weights_in(text, thawer), text)
    found = {
        "vae": parts.vae_part(weights_in(sources.base / "vae", thawer), sources.base / "vae"),
        "vision_tower": parts.vision_part(clip, sources.clip),
        "projector": parts.projector_part(weights["qformer"], known.get("mm_vision_select_layer", -2)),
        "language_model": parts.language_part(weights["language"], weights["qformer"], llava, scale, positions),
        "qformer": parts.qformer_part(weights["qformer"], null),
        "bim": parts.bim_part(weights["bim"]),
        "unet": parts.unet_part(weights["unet"], sources.base),
    }
    _report(found, weights["language"], scale, llava, text, say)
    return found


def _report(found: dict[str, Part], language: Weights, scale: float, llava: Weights | None, text: Path, say: Say) -> None:
    for part in found.values():
        say(f"found   {part.title}: {len(part.pieces)} tensors in {part.source}")
    say(f"found   the context of no instruction: made by the text encoder in {text}")
    pairs = sum(".lora_A." in name for name in language.shapes)
    say(f"merged  LoRA into {pairs} weights of the language model, scale {scale:g}, in float32")
    if llava is None:
        say("substituted  the text rows of both embeddings: LLaVA is absent, SmartEdit's own rows are used, which may have drifted "
            "(--llava, LLaVA v1.1, supplies the published ones)")  # fmt: skip
    else:
        say("merged  the text rows of both embeddings from LLaVA")


def _check_widths(weights: dict[str, Weights]) -> None:
    """All files are of one size of model."""
    def width(kind: str, ending: str, axis: int) -> dict[Path, int]:
        names = [name for name in weights[kind].shapes if name.endswith(ending)]
        return {weights[kind].home[name]: weights[kind].shapes[name][axis] for name in names[:1]}

    language = width("language", "embed_tokens.weight", 1) or width("language", "q_proj.weight", 1)
    reading = width("qformer", "crossattention.self.key.weight", 1)
    layout.check_same_size(language | reading)
    layout.check_same_size(language | width("qformer", "mm_projector.weight", 0))
    layout.check_same_size(language | width("qformer", "lm_head.weight", 1))


def _tokenizer(sources: Sources, language: Part):
    tokenizer = published_tokenizer(sources.tokenizer)
    wanted = language.module.config.vocab_size
    if len(tokenizer) != wanted:
        counts = f"makes {len(tokenizer)} tokens, the language model has {wanted}"
        raise ModelError(f"{sources.tokenizer} {counts}; take Vicuna v1.1's tokenizer.model")
    return tokenizer


def _scheduler(base: Path):
    kind, table = get_preset("7b").scheduler
    path = base / "scheduler" / "scheduler_config.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return kind.from_config({**table, **{name: value for name, value in known.items() if name[0] != "_"}})


def _has_weights(folder: Path) -> bool:
    return any(folder.glob("*.safetensors")) or any(folder.glob("*.bin"))


def _write_index(found: dict[str, Part], folder: Path, dtype: torch.dtype) -> None:
    kinds = {name: _library_and_class(part.module) for name, part in found.items()}
    scheduler = get_preset("7b").scheduler[0].__name__
    table = {
        "_class_name": "SmartEditPipeline",
        "_diffusers_version": diffusers.__version__,
        **kinds,
        "scheduler": ["diffusers", scheduler],
        "tokenizer": ["transformers", "PreTrainedTokenizerFast"],
        **SETTINGS,
        "precision": str(dtype).removeprefix("torch."),
    }
    (folder / "model_index.json").write_text(json.dumps(table, indent=2) + "\n", encoding="utf-8")


def _library_and_class(module: torch.nn.Module) -> list[str]:
    home = type(module).__module__
    if home.startswith("smartedit."):
        return [home, type(module).__name__]
    return ["diffusers" if isinstance(module, ModelMixin) else "transformers", type(module).__name__]


@contextmanager
def _unfinished(out: Path, needed: int):
    """A folder beside `out` that takes its place once the block is through; ModelError if the disk cannot hold it."""
    out.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(out.parent).free
    sizes = f"it takes {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free"
    full = f"no room for the converted model in {out.parent}: {sizes}; make room or choose another --out"
    if free < needed * 1.01:
        raise ModelError(full)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".unfinished-") as scratch:
        half = Path(scratch, "half")
        half.mkdir()
        try:
            yield half
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise ModelError(full) from error
            raise
        except Exception as error:  # safetensors wraps what the system says
            if "No space left" in str(error):
                raise ModelError(full) from error
            raise
        if out.exists():
            out.rmdir()
        half.replace(out)
