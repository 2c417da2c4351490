#!/usr/bin/env python3
"""Writes the tokenizer files of a model folder from data/qwen2-tokenizer/qwen.tiktoken.

    python tools/qwen2_tokenizer.py OUT [--family qwen2-vl|qwen2.5-vl|llava-onevision|lmms-lab] [--form vocab|json|both]
                                        [--chat-template none|hf|converted|qwen_1_5|qwen]

OUT gets vocab.json, merges.txt and tokenizer_config.json (form vocab), or tokenizer.json and tokenizer_config.json (form
json, written by `tokenizers`), equal to those of the published checkpoints in vocabulary, merges and added tokens.

The data file holds tokens by rank and no merges. They follow: for each token of two or more bytes run byte-pair encoding
on its bytes with the lower ranks only; the two parts that are left are its merge. The result is checked by its SHA-256.
"""

import argparse
import base64
import functools
import hashlib
import json
from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data" / "qwen2-tokenizer" / "qwen.tiktoken"
MERGES_SHA256 = "8831e4f1a044471340f7c0a83d7bd71306a5b867e95fd870f74d0c5308a904d5"
BASE = 151643  # tokens of the data file; added tokens get the ids behind them

# (content, special) in the order of their ids.
CHAT = [("<|endoftext|>", True), ("<|im_start|>", True), ("<|im_end|>", True)]
VISION = [
    (f"<|{name}|>", True)
    for name in (
        "object_ref_start object_ref_end box_start box_end quad_start quad_end vision_start vision_end vision_pad"
        " image_pad video_pad"
    ).split()
]
TOOLS = [
    (name, False)
    for name in (
        "<tool_call> </tool_call> <|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|fim_pad|> <|repo_name|> <|file_sep|>"
    ).split()
]
FAMILIES = {
    "qwen2-vl": CHAT + VISION,
    "qwen2.5-vl": CHAT + VISION + TOOLS,
    "llava-onevision": CHAT + [("<image>", True), ("<video>", True)],
    "lmms-lab": CHAT,
}

# Templates in this project's own words; each renders one of the layouts of src/text/layout.h, which knows them.
TEMPLATES = {
    "hf": (
        "{% for m in messages %}<|im_start|>{{ m.role }} "
        "{% for c in m.content if c.type == 'image' %}<image>{% endfor %}"
        "{% for c in m.content if c.type == 'text' %}{{ '\\n' + c.text }}{% endfor %}<|im_end|>"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    ),
    "converted": (
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}"
        "{% for c in m.content if c.type == 'image' %}{{ '<image>\\n' }}{% endfor %}"
        "{% for c in m.content if c.type == 'text' %}{{ c.text }}{% endfor %}{{ '<|im_end|>\\n' }}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    ),
    "qwen_1_5": (
        "{% if messages[0].role != 'system' %}{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}"
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}"
        "{% for c in m.content %}{% if c.type == 'image' %}{{ '<image>\\n' }}{% else %}{{ c.text }}{% endif %}{% endfor %}"
        "{{ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    ),
    "qwen": (
        "{% if messages[0].role != 'system' %}{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}"
        "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' }}{% for c in m.content %}{% if c.type == 'image' %}"
        "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ c.text }}{% endif %}{% endfor %}"
        "{{ '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    ),
}


def alphabet():
    """byte -> its printable character, in GPT-2's way."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    rest = [b for b in range(256) if b not in plain]
    return {**{b: chr(b) for b in plain}, **{b: chr(0x100 + i) for i, b in enumerate(rest)}}


def read_ranks(path=DATA):
    ranks = {}
    for line in path.read_bytes().splitlines():
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    assert len(ranks) == BASE and sorted(ranks.values()) == list(range(BASE))
    return ranks


def last_two_parts(token, rank, ranks):
    parts = [token[i : i + 1] for i in range(len(token))]
    while len(parts) > 2:
        found = [(ranks.get(parts[i] + parts[i + 1], rank), i) for i in range(len(parts) - 1)]
        best, i = min(found)
        assert best < rank
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
    return parts


@functools.lru_cache(maxsize=1)
def vocab_and_merges(path=DATA):
    """({token string: id}, [(left, right)]) as vocab.json and merges.txt have them."""
    ranks, letters = read_ranks(path), alphabet()

    def spell(token):
        return "".join(letters[b] for b in token)

    tokens = sorted(ranks, key=ranks.get)
    vocab = {spell(token): ranks[token] for token in tokens}
    merges = [tuple(map(spell, last_two_parts(t, ranks[t], ranks))) for t in tokens if len(t) > 1]
    return vocab, merges


def merges_text(merges):
    return "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges)


def config(family, template=None):
    decoder = {
        str(BASE + i): {
            "content": content,
            "lstrip": False,
            "normalized": False,
            "rstrip": False,
            "single_word": False,
            "special": special,
        }
        for i, (content, special) in enumerate(FAMILIES[family])
    }
    out = {
        "add_prefix_space": False,
        "added_tokens_decoder": decoder,
        "additional_special_tokens": [c for c, special in FAMILIES[family][1:] if special],
        "bos_token": None,
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>",
        "errors": "replace",
        "model_max_length": 32768,
        "pad_token": "<|endoftext|>",
        "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer",
        "unk_token": None,
    }
    if template:
        out["chat_template"] = TEMPLATES[template]
    return out


def build(vocab, merges, added):
    """The `tokenizers` object that Qwen2's converter makes."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    tokenizer = Tokenizer(models.BPE(vocab, merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    for content, special in added:
        token = AddedToken(content, special=special, normalized=False)
        (tokenizer.add_special_tokens if special else tokenizer.add_tokens)([token])
    return tokenizer


def write(out, family="llava-onevision", form="vocab", template=None):
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    vocab, merges = vocab_and_merges()
    text = merges_text(merges).encode()
    assert hashlib.sha256(text).hexdigest() == MERGES_SHA256
    if form in ("vocab", "both"):
        (out / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False) + "\n", encoding="utf-8")
        (out / "merges.txt").write_bytes(text)
    if form in ("json", "both"):
        build(vocab, merges, FAMILIES[family]).save(str(out / "tokenizer.json"))
    (out / "tokenizer_config.json").write_text(json.dumps(config(family, template), indent=2) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out")
    parser.add_argument("--family", choices=sorted(FAMILIES), default="llava-onevision")
    parser.add_argument("--form", choices=("vocab", "json", "both"), default="vocab")
    parser.add_argument("--chat-template", choices=("none", *TEMPLATES), default="none")
    args = parser.parse_args()
    write(args.out, args.family, args.form, None if args.chat_template == "none" else args.chat_template)


if __name__ == "__main__":
    main()
