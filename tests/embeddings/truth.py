#!/usr/bin/env python3
"""Writes truth.json: what llama.cpp says of the seeded encoders.

Needs llama-cpp-python and gguf. The models are written by the repository's own program:

    cargo run -p tests --bin fixtures -- tests/seeded-models.txt --out MODELS
    python3 tests/embeddings/truth.py MODELS > tests/embeddings/truth.json

Weights are expanded to F32 first, so that the truth holds for any right implementation and not for
the way llama.cpp rounds activations. Texts and strings are ours; what is recorded are ids and
vectors of our own files.
"""

import base64
import json
import pathlib
import sys

import gguf
import llama_cpp
import numpy as np

SHORT = "Look at the birds: they fly low."
LONG = (
    "One day a boy came to the door, looked at the clouds and asked the old woman how she knew "
    "what the weather would be. She laughed; it rains when the birds fly low, when you can see "
    "every tree on the hill, and on 17 of 30 days in the third month. "
) * 2
POOLINGS = {"mean": 1, "cls": 2, "last": 3}

# What has hurt tokenizers: (text, comment by the eye).
STRINGS = [
    "", " ", "  \t\n ", "the", "The House", "the  house", " the house ", "the\nhouse\r\n",
    "Zürich, Köln, Málaga", "naïve façade", "e\u0301te\u0301", "\u0301", "a\u0301\u0302\u0303b",
    "ＡＢＣ", "ﬁne", "Ⅷ", "½", "東京", "東京tower", "漢a字b", "한국어", "각", "ก็ดี", "กุ้ง", "москва", "МОСКВА",
    "ПРИВЕТ", "ქართული", "ღღ", "aღ", "İstanbul", "ISTANBUL ıI", "ß ẞ", "Σας", "😀", "😀😀", "👨‍👩‍👧", "a😀b", "☃ snow",
    "snow☃", "€100", "100€", "a©b", "x²", "²x", "1,250.50", "it's", "don't!!", "...", "a.b.c",
    "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "« quoted »", "“quoted”", "a—b", "tabs\tand\u00a0spaces",
    "zero\u200bwidth\u200djoin\ufeff", "soft\u00adhyphen", "null\u0000byte", "\u0001\u0002control\u007f",
    "replacement\ufffdchar", "private\ue000use", "\u2581the", "the\u2581house", "▁", "[CLS]", "[MASK] the [SEP]",
    "[UNK]", "[mask]", "x" * 200, "a" * 1000, "the" * 70, "weatherly", "remembered rememberest",
    "machine's", "qqq ქ qqq", "q" * 40 + "한", "\u0958", "\u1e69", "\ufb1d", "\U0001d15e",
    "\U0002f800", "\U00020000", "\ufa6e", "\U000e0041tag", "\U00010400", "\ua7cb", "\u0378",
]


def expanded(path, folder):
    """The file with all tensors in F32."""
    reader = gguf.GGUFReader(path)
    fields = reader.fields
    arch = fields["general.architecture"].contents()
    out = folder / (path.stem + ".expanded.gguf")
    writer = gguf.GGUFWriter(out, arch)
    for key, field in fields.items():
        if key.startswith("GGUF.") or key == "general.architecture":
            continue
        kind = field.types[0]
        sub = field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(key, field.contents(), kind, sub_type=sub)
    for tensor in reader.tensors:
        values = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        shape = [int(n) for n in reversed(tensor.shape)]
        writer.add_tensor(tensor.name, values.reshape(shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out


def model(path, pooling):
    return llama_cpp.Llama(
        str(path), embedding=True, pooling_type=pooling, n_ctx=256, n_batch=256, n_ubatch=256,
        n_threads=2, verbose=False, flash_attn=False,
    )


def packed(values):
    return base64.b64encode(np.asarray(values, dtype="<f4").tobytes()).decode()


def truth(path, folder):
    file = expanded(path, folder)
    plain = model(file, 0)
    ids = {name: plain.tokenize(text.encode()) for name, text in [("short", SHORT), ("long", LONG)]}
    assert len(ids["long"]) > 128, len(ids["long"])
    rows = plain.embed(SHORT)
    pooled = {name: packed(model(file, number).embed(LONG)) for name, number in POOLINGS.items()}
    return {"model": path.stem, "ids": ids, "rows": packed(rows), "pooled": pooled}


def strings(path):
    vocab = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)
    ids = lambda text, special: vocab.tokenize(text.encode(), add_bos=special, special=special)
    return [{"text": t, "plain": ids(t, False), "special": ids(t, True)} for t in STRINGS]


def main():
    folder = pathlib.Path(sys.argv[1])
    names = sorted(path for path in folder.glob("*bert-*.gguf") if "expanded" not in path.name)
    names += [folder / "qwen3-embedding.gguf"]
    doc = {
        "made_with": "llama-cpp-python " + llama_cpp.__version__,
        "short": SHORT,
        "long": LONG,
        "models": [truth(path, folder) for path in names],
        "strings": strings(folder / "bert-F32.gguf"),
    }
    # A line for each model and string.
    lines = lambda items: "[\n" + ",\n".join(json.dumps(item) for item in items) + "\n]"
    parts = (f'"{k}": ' + (lines(v) if isinstance(v, list) else json.dumps(v)) for k, v in doc.items())
    print("{\n" + ",\n".join(parts) + "\n}")


if __name__ == "__main__":
    main()
