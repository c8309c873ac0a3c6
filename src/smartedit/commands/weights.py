"""`smartedit convert` and `smartedit doctor`: getting the published weights to run, and whether this machine can."""

from __future__ import annotations

from pathlib import Path

from smartedit.commands.options import command, quiet


def add(commands) -> None:
    """Add both commands."""
    convert = command(commands, "convert", _convert, "turn the published SmartEdit weights into a model folder")
    convert.add_argument("published", type=Path, help="folder that holds LLM-15000, embeddings_qformer, modulate-15000, unet-15000")
    convert.add_argument("--llava", type=Path, metavar="FOLDER", help="LLaVA v1.1 of the same size: text rows of the embeddings, tokenizer")
    convert.add_argument("--clip", type=Path, metavar="FOLDER", help="openai/clip-vit-large-patch14: the vision tower")
    convert.add_argument("--base", type=Path, metavar="FOLDER", help="timbrooks/instruct-pix2pix: autoencoder, text encoder, scheduler")
    convert.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the model folder is written")
    convert.add_argument("--dtype", choices=("bf16", "fp16", "fp32"), default="bf16", help="precision of what is written (default: bf16)")
    doctor = command(commands, "doctor", _doctor, "say what this machine can run and whether weights are whole; exit code 2 if not")
    doctor.add_argument("--model", metavar="NAME|FOLDER", help="also check this model: files, keys, shapes, hashes")


def _convert(args) -> None:
    from smartedit.official.convert import Sources, convert

    quiet()
    folder = convert(Sources(args.published, args.llava, args.clip, args.base), args.out, args.dtype)
    print(f"wrote {folder}; edit with: smartedit edit PICTURE INSTRUCTION --model {folder}")


def _doctor(args) -> None:
    from smartedit.doctor import examine

    quiet()
    examine(args.model)
