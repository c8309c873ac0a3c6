"""What the language model reads and writes: chat templates, edit tokens, where the picture goes, what is learned.

The picture takes the place of the **first** `<img_0>` of a conversation; the reply ends with all edit tokens
`<img_0> ... <img_31>`, whose states carry the edit. Published templates are interoperability data for the published
weights (official-code.md, section 1.3); the `tiny` template is the same conversation with the ceremony left out.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from smartedit.errors import MissingExtra, ModelError

EDIT_TOKENS = tuple(f"<img_{i}>" for i in range(32))
PICTURE_TOKEN = EDIT_TOKENS[0]
MARKERS = ("<img>", "<im_start>", "<im_end>")

#: Longest text window of the tiny CLIP text encoder, and of its context (vectors).
CONTEXT_LENGTH = 40


@dataclass(frozen=True)
class Template:
    """One way to lay out a conversation.

    `human` has slots `{picture}` and `{instruction}`; `system` is said before everything. A model whose template has an
    `answer` says this sentence before the edit tokens; without one it words a reply of its own.
    """

    name: str
    human: str
    answer: str = ""
    system: str = ""

    def prompt(self, instruction: str) -> str:
        """The text of an edit up to and including `ASSISTANT:`, on one line."""
        said = self.human.format(picture=PICTURE, instruction=instruction)
        return f"{self.system} USER: {said} ASSISTANT:".lstrip().replace("\n", "")


PICTURE = f"<im_start> {PICTURE_TOKEN} <im_end>"

TINY = Template(name="tiny", human="{picture} {instruction}")


def system_message(*inserted: str) -> str:
    """Vicuna's system message with sentences between its first and its second."""
    first = "A chat between a curious user and an artificial intelligence assistant."
    last = "The assistant gives helpful, detailed, and polite answers to the user's questions."
    return " ".join([first, *inserted, last])


_CAN_DRAW = "The assistant can generate <img>."
_MUST_EDIT = "The assistant needs to conduct the image to image translation task based on given image and text information."

#: System messages of the published weights, by their names: stage 1 (captions) and everything after.
SYSTEMS = {"vicuna_v1.2": system_message(_CAN_DRAW), "vicuna_v1.3": system_message(_CAN_DRAW, _MUST_EDIT)}


def published_template(human: str, answer: str) -> Template:
    """A published pair of sentences, `human` with its slot `[cap]` and `answer` ending in ` [img].`, as a template."""
    slot = '"{picture}{instruction}"'
    spoken = answer.removesuffix(".").removesuffix("[img]").rstrip()
    return Template("published", human.replace("[cap]", slot), spoken, SYSTEMS["vicuna_v1.3"])


#: The pair that is always used; training drew one of thirty, so any of them suits the published weights.
PUBLISHED = published_template(
    "Could you produce an image based on the previous image and text description [cap]?",
    "Sure, I can create the image you requested [img].",
)

TEMPLATES = {template.name: template for template in (TINY, PUBLISHED)}


def build_tokenizer(words: list[str]) -> PreTrainedTokenizerFast:
    """A word-level tokenizer for a closed vocabulary: lower case, punctuation apart, anything else is `<unk>`.

    One BOS is put in front by `encode`; nothing is appended. Ids: `<unk>` 0 (also the padding), `<s>` 1, `</s>` 2, the
    words, then the markers and edit tokens last, so that "id >= id of <img_0>" means an edit token.
    """
    ordered = ["<unk>", "<s>", "</s>", "user:", "assistant:", *sorted(set(words) - {"user:", "assistant:"})]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(ordered)}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"user:|assistant:|[a-z]+|\d+|\S"), "removed", invert=True)
    tokenizer.add_special_tokens(
        [AddedToken(t, lstrip=True, rstrip=True, normalized=False) for t in (*MARKERS, *EDIT_TOKENS)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="<unk>",
        pad_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        model_max_length=512,
        clean_up_tokenization_spaces=False,
    )


def published_tokenizer(model: str | os.PathLike) -> PreTrainedTokenizerFast:
    """Llama's tokenizer from its sentencepiece file, with the 35 tokens that SmartEdit adds, as its weights expect it.

    White space that touches an added token vanishes, every piece between two of them is encoded on its own, BOS is put
    in front by whoever needs it (official-code.md, section 1.2). Raises MissingExtra without sentencepiece, ModelError for
    another file.
    """
    from transformers import LlamaTokenizer

    with tempfile.TemporaryDirectory() as folder:  # the file alone: tokens that LLaVA added beside it would shift the ids
        shutil.copyfile(model, Path(folder, "tokenizer.model"))
        try:
            llama = LlamaTokenizer.from_pretrained(folder, legacy=True)
        except ImportError as error:
            raise MissingExtra("sentencepiece", "convert") from error
        except Exception as error:  # whatever a damaged file brings forth
            raise ModelError(f"{model} is not a sentencepiece model; download it again") from error
    llama.add_tokens([AddedToken(t, lstrip=True, rstrip=True, normalized=False) for t in (*MARKERS, *EDIT_TOKENS)])
    names = {"unk_token": "<unk>", "pad_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=llama.backend_tokenizer, clean_up_tokenization_spaces=False, **names)


def edit_ids(tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """The ids of the 32 edit tokens, in order."""
    return tokenizer.convert_tokens_to_ids(list(EDIT_TOKENS))


def encode(tokenizer: PreTrainedTokenizerFast, text: str) -> list[int]:
    """Ids of a text without BOS or EOS."""
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def edit_prompt(tokenizer: PreTrainedTokenizerFast, instruction: str, template: Template = TINY) -> list[int]:
    """Ids of BOS + conversation up to `ASSISTANT:`, the picture's place marked by the first `<img_0>`."""
    return [tokenizer.bos_token_id, *encode(tokenizer, template.prompt(instruction))]


def turns(
    tokenizer: PreTrainedTokenizerFast,
    pairs: list[tuple[str, str]],
    picture: bool,
    edit: bool = False,
    template: Template = TINY,
) -> tuple[list[int], list[int]]:
    """Ids and labels of a whole conversation for training.

    `pairs` are (what the user says, what the model answers); `picture` puts the picture into the first turn; `edit` ends the
    last answer with the edit tokens. Labels equal the ids where the model speaks and are -100 elsewhere; they are not shifted.
    """
    ids, labels = [tokenizer.bos_token_id], [-100]
    for number, (question, answer) in enumerate(pairs):
        last = edit and number == len(pairs) - 1
        heard = encode(tokenizer, answer) + (edit_ids(tokenizer) if last else []) + [tokenizer.eos_token_id]
        prompt = _turn(tokenizer, question, template if number == 0 else TINY, picture and number == 0, last)
        ids += prompt + heard
        labels += [-100] * len(prompt) + heard
    return ids, labels


def _turn(tokenizer: PreTrainedTokenizerFast, question: str, template: Template, picture: bool, edit: bool) -> list[int]:
    """Ids of one turn up to `ASSISTANT:`."""
    if picture and edit:
        return encode(tokenizer, template.prompt(question))
    opening = f"{template.system} USER: ".lstrip()
    if not picture:
        return encode(tokenizer, f"{opening}{question} ASSISTANT:")
    # As in LLaVA: what comes before and after the picture is encoded apart, so that white space beside it stays.
    return encode(tokenizer, opening) + encode(tokenizer, PICTURE) + encode(tokenizer, f"{question} ASSISTANT:")


def picture_start(tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """Ids of a conversation up to the end of its picture: what all turns about one picture share."""
    return [tokenizer.bos_token_id, *encode(tokenizer, f"USER: {PICTURE}")]


def first_turn(
    tokenizer: PreTrainedTokenizerFast, said: str, heard: str, edit_tokens: int = 0, learned: bool = True
) -> tuple[list[int], list[int]]:
    """Ids and labels of a first turn, without `picture_start`: the user's words, the answer, and how it ends.

    With `edit_tokens` the answer ends in so many of the edit tokens (1 is enough to teach when to begin them), else in EOS.
    Unless `learned`, nothing of it has a label.
    """
    asked = encode(tokenizer, f"{said} ASSISTANT:")
    end = edit_ids(tokenizer)[:edit_tokens] or [tokenizer.eos_token_id]
    answer = encode(tokenizer, heard) + end
    return asked + answer, [-100] * len(asked) + (answer if learned else [-100] * len(answer))


def unknown_words(tokenizer: PreTrainedTokenizerFast, text: str) -> tuple[list[str], int]:
    """Words of a text that the tokenizer has never seen, and how many words it knows (all, if it spells what it does not)."""
    backend = tokenizer.backend_tokenizer
    if not isinstance(backend.model, models.WordLevel):
        return [], sum(any(c.isalnum() for c in word) for word in text.split())
    pieces = [p for p, _ in backend.pre_tokenizer.pre_tokenize_str(backend.normalizer.normalize_str(text))]
    vocabulary = tokenizer.get_vocab()
    unknown = [p for p in pieces if p not in vocabulary]
    known = sum(p in vocabulary and p.isalnum() for p in pieces)
    return unknown, known
