"""What the language model reads and writes: chat templates, edit tokens, where the picture goes, what is learned.

The picture takes the place of the **first** `<img_0>` of a conversation; the reply ends with all edit tokens
`<img_0> ... <img_31>`, whose states carry the edit. Published templates are interoperability data for the published
weights (official-code.md, section 1.3); the `tiny` template is the same conversation with the ceremony left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

EDIT_TOKENS = tuple(f"<img_{i}>" for i in range(32))
PICTURE_TOKEN = EDIT_TOKENS[0]
MARKERS = ("<img>", "<im_start>", "<im_end>")

#: Longest text window of the tiny CLIP text encoder, and of its context (vectors).
CONTEXT_LENGTH = 40


@dataclass(frozen=True)
class Template:
    """One way to lay out a conversation.

    `human` has one slot `{}` for the picture markers and the instruction; `spoken` says whether the model words a reply of
    its own before the edit tokens (`tiny`) or one fixed sentence, `answer`, is used (published weights).
    """

    name: str
    human: str
    answer: str = ""

    def prompt(self, instruction: str) -> str:
        """The text up to and including `ASSISTANT:`."""
        return self.human.format(f"<im_start> {PICTURE_TOKEN} <im_end> {instruction}") + " ASSISTANT:"


TINY = Template(name="tiny", human="USER: {}")


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
    tokenizer: PreTrainedTokenizerFast, pairs: list[tuple[str, str]], picture: bool, edit: bool = False
) -> tuple[list[int], list[int]]:
    """Ids and labels of a whole conversation for training.

    `pairs` are (what the user says, what the model answers); `picture` puts the picture into the first turn; `edit` ends the
    last answer with the edit tokens. Labels equal the ids where the model speaks and are -100 elsewhere; they are not shifted.
    """
    ids, labels = [tokenizer.bos_token_id], [-100]
    for number, (question, answer) in enumerate(pairs):
        with_picture = picture and number == 0
        said = TINY.prompt(question) if with_picture else f"USER: {question} ASSISTANT:"
        last = edit and number == len(pairs) - 1
        heard = encode(tokenizer, answer) + (edit_ids(tokenizer) if last else []) + [tokenizer.eos_token_id]
        prompt = encode(tokenizer, said)
        ids += prompt + heard
        labels += [-100] * len(prompt) + heard
    return ids, labels


def picture_start(tokenizer: PreTrainedTokenizerFast) -> list[int]:
    """Ids of a conversation up to the end of its picture: what all turns about one picture share."""
    before = TINY.human.split("{}")[0]
    return [tokenizer.bos_token_id, *encode(tokenizer, f"{before}<im_start> {PICTURE_TOKEN} <im_end>")]


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
    """Words of a text that the tokenizer has never seen, and how many words it knows."""
    pieces = [
        p
        for p, _ in tokenizer.backend_tokenizer.pre_tokenizer.pre_tokenize_str(
            tokenizer.backend_tokenizer.normalizer.normalize_str(text)
        )
    ]
    vocabulary = tokenizer.get_vocab()
    unknown = [p for p in pieces if p not in vocabulary]
    known = sum(p in vocabulary and p.isalnum() for p in pieces)
    return unknown, known
