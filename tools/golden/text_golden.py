#!/usr/bin/env python3
"""Writes golden/text/: what Hugging Face `tokenizers` and Jinja give for texts that are easy to get wrong.

    python tools/golden/text_golden.py

    qwen2.json    the full Qwen2 vocabulary with Qwen2.5-VL's added tokens: texts, ids, decoded texts; ids drawn at random,
                  decoded with and without special tokens
    llava.json    the same with LLaVA-OneVision's added tokens: prompts with <image>
    small.json    small tokenizers, each with its whole tokenizer.json: flags of added tokens, a byte without a token,
                  ignore_merges, special tokens of a config put on top
    chat.json     messages rendered by the chat templates of tools/qwen2_tokenizer.py

Everything random is drawn from fixed seeds: two runs write the same bytes.
"""

import json
import random
import sys
from pathlib import Path

import jinja2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from qwen2_tokenizer import FAMILIES, TEMPLATES, build, vocab_and_merges  # noqa: E402

OUT = ROOT / "golden" / "text"

# Written by hand: one line a text, grouped by what they try.
TEXTS = {
    "plain": [
        "Hello, world!",
        "The quick brown fox jumps over the lazy dog.",
        "What animal is this?",
        "Is the cup left of the plate? Answer yes or no.",
        "a",
        "A b C d",
        "CamelCaseWord snake_case_word kebab-case-word",
        "https://example.org/a/b?c=d&e=f#g",
        "user@example.org",
        "x = y[i] * (a + b) / 2.5e-3; // comment",
        "#include <stdio.h>\nint main(void) { return 0; }\n",
        '{"image": "cat.jpg", "label": null}',
        "<div class=\"x\">text</div>",
        "C:\\Users\\name\\file.txt",
        "naïve café déjà vu",
        "Straße, Größe, Übermut",
        "Ærøskøbing, Łódź, İstanbul, Çankırı",
        "ﬁ ﬂ ﬀ ﬆ ſ",
        "DŽ Dž dž ǅ",
    ],
    "contractions": [
        "I'm you're he's we've they'd she'll don't",
        "I'M YOU'RE HE'S WE'VE THEY'D SHE'LL DON'T",
        "I’m you’re",
        "'s 't 're 've 'm 'll 'd",
        " 's 't 're 've 'm 'll 'd",
        "'sx'tx'rex'vex'mx'llx'dx",
        "'r 'v 'l 'e '",
        "''ll '''s",
        "it's's's",
        "x'\u017f y'S",
        "'\u212a '\u00df '\ufb00 '\ufb06",
        "rock'n'roll o'clock",
        "'re're're'RE'rE",
    ],
    "digits": [
        "0123456789",
        "3.14159 1,000,000 -42 +7 1e10",
        "2024-01-31T12:34:56Z",
        "a1b2c3 1a2b3c",
        " 1  2   3",
        "½ ¾ ² ³ ₁ ₂ Ⅷ ⅷ ① ⑳ ㊿",
        "٠١٢٣٤٥٦٧٨٩ ۰۱۲۳ ०१२३ ๐๑๒ ０１２３",
        "𝟎𝟏𝟐 𝟘𝟙 🯰🯱",
        "一二三 〇 〡〢〣",
        "1st 2nd 3rd 4th",
        "100% $5.00 №5",
    ],
    "space": [
        " ",
        "  ",
        "   ",
        "    x",
        "x    ",
        "x  y   z    w",
        "\t",
        "\t\t\tx",
        " \t x",
        "\n",
        "\n\n",
        "\n\n\n\n",
        "\r\n",
        "\r\r\n\n\r",
        " \n",
        "\n ",
        " \n \n ",
        "a\n\nb\n\n\nc",
        "a \n b  \n  c",
        "a\n   b",
        "a   \n\n   b",
        "\u00a0\u00a0x",
        "x\u00a0\u00a0",
        "\u3000\u3000全角",
        "\u2003\u2003x \u2009y",
        "\u2028x\u2029y",
        "\u0085\u0085x",
        "a\u200bb\u200cc\u200dd\u2060e",
        "\ufeffx",
        "\u180e\u180ex",
        "\u001c\u001d\u001e\u001f",
        "\v\f x",
        "x \v\f\n y",
        "!  !",
        "! \n! \r\n!",
        ";\n\n\n;",
        "  \n  ;  \n  ",
        "\u1680x\u202f\u205fy",
    ],
    "punctuation": [
        "!!! ??? ... --- ___ === *** ~~~",
        "(((())))[[]]{{}}",
        "…—–‘’“”«»‹›„",
        "。，、；：？！「」『』【】《》",
        "؟،؛ ۔ ।॥",
        "$€£¥₹₽₿¢",
        "±×÷≠≤≥≈∞∑∏√∫",
        "→←↑↓↔⇒⇔",
        "→x ←y (z [w {v",
        "---\n===\n***\n",
        "a/b\\c|d",
        "@#$%^&*()",
        "_x _ x_ __init__",
        "=" * 100,
        "=" * 3000,
        "ab" * 700,
        "-\n" * 40,
    ],
    "cjk": [
        "你好，世界",
        "今天天气很好，我们去公园吧。",
        "這張圖片裡有什麼動物？",
        "日本語の文章です。",
        "カタカナとひらがな、漢字。",
        "ｶﾀｶﾅ ﾊﾝｶｸ",
        "が ぎ か\u3099 き\u3099 ば は\u309a",
        "한국어 문장입니다.",
        "\u1112\u1161\u11ab\u1100\u116e\u11a8",
        "\uac00\u11a8 \uac01\u11a8",
        "\u1100\u1161\u11a7 \u1100\u1175",
        "ㄱㄴㄷ ㅏㅑ",
        "汉字English混合123",
        "𠀀𠮷𪚥 㐀䶵",
        "豈更車 \uf900\uf901 \u2f800\u2f801",
        "〜〰ー―",
        "第１章　はじめに",
    ],
    "arabic and hebrew": [
        "مرحبا بالعالم",
        "السَّلَامُ عَلَيْكُمْ",
        "هل هذا قط؟ نعم، إنه قط.",
        "لا إله ﷲ ﷺ",
        "אבג שָׁלוֹם",
        "\u05e9\u05c1\u05bc \u05e9\u05bc\u05c1 \ufb2c",
        "فارسی: می‌خواهم",
        "اردو زبان ہے",
        "\u0627\u0653 \u0622 \u0627\u0654\u0623",
        "\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652",
    ],
    "south asian and others": [
        "नमस्ते दुनिया",
        "क़ ख़ ज़ \u0958 \u0915\u093c",
        "বাংলা ভাষা \u09c7\u09be \u09cb",
        "தமிழ் மொழி \u0bc6\u0bbe",
        "తెలుగు ಕನ್ನಡ മലയാളം",
        "ภาษาไทย น้ำ",
        "ລາວ ខ្មែរ မြန်မာ",
        "བོད་སྐད \u0f71\u0f72 \u0f73",
        "ქართული Հայերեն",
        "Русский язык, Українська, ё й \u0435\u0308 \u0438\u0306",
        "Ελληνικά άέήίόύώ \u03b1\u0301 \u1f00\u0342\u0345",
        "Tiếng Việt: ế ệ ộ ử e\u0302\u0323 e\u0323\u0302",
        "አማርኛ ᏣᎳᎩ ᠮᠣᠩᠭᠣᠯ",
        "𐎀𐎁 𐤀𐤁 𒀀𒀁 𓀀𓀁",
        "𝒜𝓑𝕮 𝔄𝔅 𝐀𝐁",
    ],
    "marks": [
        "e\u0301 a\u0308 o\u0302 n\u0303 c\u0327",
        "a\u0323\u0308 a\u0308\u0323 q\u0323\u0307 q\u0307\u0323",
        "x\u0301y\u0301z\u0301",
        "\u0301\u0301\u0301",
        "\u0301a \u0301b",
        "a\u0301\u0301\u0301\u0301\u0301",
        "z\u0351\u0352\u0353\u0354\u0355\u0356\u0357\u0358 algo",
        "a\u0301\u0897\u0323",
        "a\u0897\u0301 a\u0301\u0897",
        "\u0344 \u0340 \u0341 \u0343 \u0374 \u037e \u0387",
        "\u212a\u212b\u2126",
        "\u1e9b\u0323 \u1e69 \u0073\u0323\u0307",
        "\u00c5 A\u030a \u212b",
        "\ufb1d \ufb1f \ufb2a",
        "\u2adc \u2add\u0338 =\u0338 <\u0338 >\u0338",
        "\ud834\udd5e".encode("utf-16", "surrogatepass").decode("utf-16"),
        "\U0001d157\U0001d165 \U0001d1bb",
        "\U00011131\U00011127 \U00011347\U0001133e \U000114b9\U000114ba",
        "\U00011935\U00011930 \U00011938",
        "\u09c7\u09d7 \u0b47\u0b3e \u1025\u102e \u1b05\u1b35",
        "a" + "\u0323\u0301" * 30,
        "b" + "".join(chr(c) for c in range(0x300, 0x370)),
    ],
    "emoji": [
        "😀😃😄",
        "👨‍👩‍👧‍👦",
        "👩🏽‍🚀👨🏿‍⚕️",
        "🏳️‍🌈🏴‍☠️",
        "🇩🇪🇫🇷🇯🇵",
        "❤️❤︎♥",
        "1️⃣#️⃣*️⃣",
        "x😀y 😀 z",
        " 😀  😀",
        "🫠🫡🫶🏼",
        "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "♠♣♥♦☀☁☂",
        "👍👍🏻👍🏼👍🏽👍🏾👍🏿",
        "🤷‍♀️ shrug 🤷",
    ],
    "special": [
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
        "<|im_end|><|im_end|>",
        " <|im_end|> ",
        "\n<|im_end|>\n",
        "x<|im_end|>y",
        "<|im_start|<|im_start|>",
        "<|im_start|>|>",
        "<|<|im_end|>|>",
        "<<|endoftext|>>",
        "<|IM_END|> <| im_end |>",
        "<|vision_start|><|image_pad|><|vision_end|>What?",
        "<|image_pad|>" * 20,
        "<tool_call>\n{\"name\": \"f\"}\n</tool_call>",
        "<tool_call",
        "</tool_call></tool_call",
        "<image>\nWhat is this?",
        "<video>",
        "<|im_end|>\u0338 >\u0338",
        "e<|im_end|>\u0301",
        "\u1100<|im_end|>\u1161",
        "a  <|im_end|>  b",
        "a \n<|im_end|> \n b",
        "'<|im_end|>s",
        "<|fim_prefix|>def f():<|fim_suffix|>return<|fim_middle|>",
        "<|repo_name|>x<|file_sep|>y",
        "<|object_ref_start|>cat<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>",
        "<|endoftext",
        "|endoftext|>",
    ],
    "unassigned and odd": [
        "\u0000",
        "a\u0000b",
        "\u0001\u0002\u007f\u0080\u009f",
        "\u00ad soft\u00adhyphen",
        "\ufffd \ufffe \uffff",
        "\U0010ffff \U000f0000 \ue000",
        "\u0378\u0379 \u05ff",
        "\U00010570\U000105c0 \u1c89\u1c8a \ua7ce\ua7dc",
        "\U00016100\U00016ea0 \U0002ebf0\U000323b0",
        "\u0c3c\u0ea0 \u1df6 \u1dfb",
        "\U0001e944\U0001e945 \U0001e8d0",
        "\u02b0\u02c6\u02d8 \u1d2c",
        "ªº µ",
        "\u2160\u2170\u2180",
        "\u3007\u3021\u3038",
    ],
}

ALPHABETS = [
    [chr(c) for c in range(0x20, 0x7F)],
    list(" \n\r\t\u00a0'sStTmMdDlLrReEvV12!.a"),
    [chr(c) for c in range(0xA0, 0x250)],
    [chr(c) for c in [*range(0x300, 0x370), *range(0x41, 0x5B), 0x1EA1, 0xE4]],
    [chr(c) for c in [*range(0x1100, 0x1113), *range(0x1161, 0x1176), *range(0x11A7, 0x11C3), 0xAC00, 0xAC01]],
    [chr(c) for c in [*range(0x900, 0x980), *range(0xB80, 0xC00), 0x200C, 0x200D]],
    [chr(c) for c in range(0x4E00, 0x4F00)] + list("，。！ \n１２"),
    [chr(c) for c in range(0x600, 0x700)] + [" "],
    [chr(c) for c in [*range(0x1F600, 0x1F650), *range(0x1F3FB, 0x1F400), 0x200D, 0xFE0F, 0x2640, 0x2764]],
    ["<|im_end|>", "<|im_start|>", "<|", "|>", "im_end", " ", "\n", "x", "<tool_call>", "\u0338", "<image>", "'"],
    [chr(c) for c in [*range(0x1DC0, 0x1E00), *range(0x8D3, 0x900), *range(0x61, 0x7B), 0x1AB0, 0x20D0]],
]


def random_texts(rng, count):
    out = []
    for _ in range(count):
        kind = rng.randrange(len(ALPHABETS) + 3)
        length = rng.randrange(1, 40)
        if kind < len(ALPHABETS):
            out.append("".join(rng.choice(ALPHABETS[kind]) for _ in range(length)))
        elif kind == len(ALPHABETS):  # any code points at all
            points = (rng.choice((rng.randrange(0x3000), rng.randrange(0x110000))) for _ in range(length))
            out.append("".join(chr(c) for c in points if not 0xD800 <= c < 0xE000))
        else:  # a piece of this, a piece of that
            out.append("".join(rng.choice(rng.choice(ALPHABETS)) for _ in range(length)))
    return out


def texts(seed, count):
    fixed = [text for group in TEXTS.values() for text in group]
    return fixed + random_texts(random.Random(seed), count)


def cases(tokenizer, items):
    out = []
    for text in items:
        ids = tokenizer.encode(text).ids
        out.append([text, ids, tokenizer.decode(ids, skip_special_tokens=False)])
    return out


def decodes(tokenizer, seed, count, limit):
    rng = random.Random(seed)
    byte_ids = list(range(256))
    out = []
    for _ in range(count):
        pool = rng.randrange(3)
        ids = [
            rng.choice(byte_ids) if pool == 0 else rng.randrange(limit) if pool == 1 else rng.choice(
                [rng.choice(byte_ids), rng.randrange(151643, limit), rng.randrange(limit)]
            )
            for _ in range(rng.randrange(1, 14))
        ]
        out.append([ids, tokenizer.decode(ids, skip_special_tokens=False), tokenizer.decode(ids)])
    return out


def write(name, value):
    """One case a line: such files can be read, and their differences too."""
    OUT.mkdir(parents=True, exist_ok=True)
    lines = ["{"]
    for i, (key, items) in enumerate(value.items()):
        tail = "," if i + 1 < len(value) else ""
        if isinstance(items, list):
            lines.append(f" {json.dumps(key)}: [")
            lines += [
                "  " + json.dumps(item, separators=(",", ":")) + ("," if k + 1 < len(items) else "")
                for k, item in enumerate(items)
            ]
            lines.append(f" ]{tail}")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(items)}{tail}")
    lines.append("}")
    (OUT / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


# ---- small tokenizers ------------------------------------------------------------------------------------------------


def letters_of(text):
    """The byte alphabet characters that a text's bytes need."""
    level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    return {c for piece, _ in level.pre_tokenize_str(text) for c in piece}


def small(words, merges=(), without="", **model):
    """A tokenizer over the characters that occur in `words`, less those in `without`."""
    symbols = sorted(set().union(*(letters_of(w) for w in words)) - set(without))
    vocab = {s: i for i, s in enumerate(symbols)}
    for a, b in merges:
        vocab.setdefault(a + b, len(vocab))
    return build_plain(vocab, list(merges), **model)


def build_plain(vocab, merges, **model):
    tokenizer = build(vocab, merges, [])
    if model:
        tokenizer.model = models.BPE(vocab, merges, **model)
    return tokenizer


def small_cases():
    everything = "abcdexyz <>|_!\n.é" + "\u0301"

    def entry(name, tokenizer, items):
        return {"name": name, "tokenizer": json.loads(tokenizer.to_str()), "cases": cases(tokenizer, items)}

    out = []
    t = small([everything])
    t.add_tokens([AddedToken(c, normalized=False) for c in ("abc", "ab", "bcde")])
    out.append(entry("longest at the leftmost", t, ["abcde", "abxbcde", "ababc", "bcdeabcde", "aabcbcd", ""]))
    t = small([everything])
    t.add_tokens([AddedToken("<l>", lstrip=True, normalized=False), AddedToken("<r>", rstrip=True, normalized=False)])
    t.add_tokens([AddedToken("<b>", lstrip=True, rstrip=True, normalized=False)])
    out.append(
        entry(
            "strip",
            t,
            ["a  <l>  b", "a  <r>  b", "a \n<b>\n b", "<r> <l>", "<l> <r>", "<r>  <b>  <l>", " <l>", "<r> ", "a\u00a0<b>\u00a0b"]
            + ["<r><r> <r>", "a<l>b<r>c", "\u3000<b>\u3000"],
        )
    )
    t = small([everything])
    t.add_tokens([AddedToken("<r>", rstrip=True, normalized=False), AddedToken(" x", normalized=False)])
    t.add_tokens([AddedToken("  ", lstrip=True, rstrip=True, normalized=False)])
    out.append(entry("white space in a token", t, ["<r> x", "<r>  x", "<r>   x", "a x", "a    b", "   ", "<r>    <r> x"]))
    t = small([everything])
    t.add_tokens([AddedToken("<w>", single_word=True, normalized=False), AddedToken("ab", single_word=True, normalized=False)])
    t.add_tokens([AddedToken("a", normalized=False)])
    out.append(
        entry(
            "single word",
            t,
            ["<w>", "a<w>", "<w>a", "_<w>", "<w>_", ".<w>.", " <w> ", "ab", "xab", "abx", "ab ab", "ab_ab", "éab", "ab\u0301"]
            + ["ab\u203f", "\u2160ab", "ab\u00b2", "\u200dab", "ab\u0660", "ab!ab"],
        )
    )
    t = small([everything])
    t.add_tokens([AddedToken("café", normalized=True)])
    t.add_tokens([AddedToken("xé", normalized=False)])
    out.append(entry("normalized", t, ["café", "cafe\u0301", "xcafe\u0301x", "xé", "xe\u0301", "xécafé"]))
    t = small([everything, "f"])
    t.add_tokens([AddedToken("café!", normalized=False), AddedToken("x\u4e2d", normalized=False)])
    t.add_special_tokens([AddedToken("<s>", normalized=False)])
    out.append(entry("decode of added tokens", t, ["café!", "acafé!b", "x\u4e2d", "<s>é<s>"]))
    t = small(["azb ab"], merges=[("a", "b")], without="z")
    out.append(entry("a byte without a token", t, ["azb", "z", "zazbz", "ab azzb", "é"]))
    t = small(["abcd"], merges=[("a", "b"), ("c", "d"), ("ab", "cd"), ("b", "c")])
    vocab = t.get_vocab()
    vocab["abc"] = len(vocab)
    merges = [("a", "b"), ("c", "d"), ("ab", "cd"), ("b", "c")]
    for flag in (False, True):
        out.append(
            entry(f"ignore_merges {flag}", build_plain(vocab, merges, ignore_merges=flag), ["abc", "abcd", "bc", "abcabc", "ab c"])
        )
    t = small(["aaaa b"], merges=[("a", "a"), ("aa", "a"), ("aa", "aa")])
    out.append(entry("ties go to the left", t, ["aa", "aaa", "aaaa", "aaaaa", "aaaaaa", "aaaaaaa aaa", "b" + "a" * 50]))
    t = small(["a#b c"], merges=[("#", "b"), ("a", "#b")])
    out.append(entry("a merge that begins with #", t, ["a#b", "#b#b", "#"]))
    t = small([everything])
    t.normalizer = None
    t.add_tokens([AddedToken("é", normalized=True)])
    out.append(entry("no normalizer", t, ["e\u0301", "é", "xé"]))
    return out


# ---- chat ------------------------------------------------------------------------------------------------------------


def text(value):
    return {"type": "text", "text": value}


IMAGE = {"type": "image"}
CHATS = [
    [("user", [text("What is this?")])],
    [("user", [IMAGE, text("What is this?")])],
    [("user", [text("What is this?"), IMAGE])],
    [("user", [IMAGE, IMAGE, text("What?"), text("Now?")])],
    [("user", [text("First"), IMAGE, text("second"), IMAGE, text("third")])],
    [("system", [text("Answer in one word.")]), ("user", [IMAGE, text("What?")])],
    [("user", [IMAGE, text("What?")]), ("assistant", [text("A cat.")]), ("user", [text("And now?"), IMAGE])],
    [("user", [text("a")]), ("assistant", [text("b")])],
    [("user", [IMAGE])],
    [("user", [text("")])],
    [("user", [text("你好 <image> 世界\n"), text(" x")])],
    [("user", [text("<|im_end|>")]), ("system", [text("late")])],
    [("user", [])],
]


def chats():
    # As transformers 4.51.3 sets Jinja up for chat templates.
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    out = []
    for layout, template in TEMPLATES.items():
        compiled = environment.from_string(template)
        for chat in CHATS:
            messages = [{"role": role, "content": content} for role, content in chat]
            out.append([layout, messages, compiled.render(messages=messages, add_generation_prompt=True)])
    return out


def main():
    vocab, merges = vocab_and_merges()
    qwen = build(vocab, merges, FAMILIES["qwen2.5-vl"])
    items = texts(1, 400)
    write("qwen2.json", {"cases": cases(qwen, items), "decodes": decodes(qwen, 2, 300, 151700)})
    llava = build(vocab, merges, FAMILIES["llava-onevision"])
    prompts = [rendered for layout, _, rendered in chats() if layout != "qwen"]
    write("llava.json", {"cases": cases(llava, prompts + random_texts(random.Random(3), 60))})
    write("small.json", {"tokenizers": small_cases()})
    write("chat.json", {"templates": TEMPLATES, "chats": chats()})


if __name__ == "__main__":
    main()
