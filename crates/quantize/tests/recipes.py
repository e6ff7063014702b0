#!/usr/bin/env python3
"""Writes recipes.txt: which types llama.cpp gives the tensors of models made by a formula.

Needs llama-cpp-python. The models are written by the repository's own program:

    cargo run -p quantize --example recipe_models -- FOLDER
    python3 crates/quantize/tests/recipes.py FOLDER > crates/quantize/tests/recipes.txt

A line has a model, a file type, what else was asked for, the type most tensors got (the first by
name of several), and the kinds of tensors that got another: their types, each with the layers that
have it (none: all of them). Nothing of llama.cpp is in the table but what it decided.
"""

import collections
import ctypes
import pathlib
import re
import sys

import llama_cpp as L

TYPES = (
    "TQ1_0 TQ2_0 Q2_K_S Q2_K Q3_K_S Q3_K_M Q3_K_L IQ4_XS MXFP4_MOE Q4_0 IQ4_NL Q4_K_S Q4_K_M "
    "Q4_1 Q5_0 Q5_K_S Q5_K_M Q5_1 Q6_K Q8_0 F16 BF16 F32"
).split()
GGML = {"F32": 0, "F16": 1, "Q4_0": 2, "Q8_0": 8, "Q6_K": 14, "Q5_K": 13}
# name of the variant, file types, what is set.
VARIANTS = [
    ("", TYPES, {}),
    ("imatrix", TYPES, {"imatrix": True}),
    ("pure", ["Q2_K", "Q4_K_M", "Q8_0"], {"pure": True}),
    ("leave-output", ["Q4_K_M", "F32"], {"leave": True}),
    ("embedding=Q8_0", ["Q4_K_M", "F32"], {"embedding": "Q8_0"}),
    ("output=Q5_K", ["Q4_K_M", "F32"], {"output": "Q5_K"}),
    ("type=ffn_[ud]=Q6_K", ["Q4_K_M", "F32"], {"type": ("ffn_[ud]", "Q6_K")}),
    ("type=attn_v=Q6_K", ["Q4_K_M"], {"type": ("attn_v", "Q6_K")}),
    ("prune=1,4", ["Q4_K_M", "Q3_K_M"], {"prune": [1, 4]}),
]
LINE = re.compile(r"\] +(\S+) +- \[.*\], type = +(\S+), size = .*MiB(?: \((\S+)\))?\s*$")
said = []


@ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
def listen(_level, text, _data):
    said.append(text.decode(errors="replace"))


def types(path, file_type, asked):
    params = L.llama_model_quantize_default_params()
    params.nthread, params.dry_run = 1, True
    params.ftype = 0 if file_type == "F32" else getattr(L, "LLAMA_FTYPE_MOSTLY_" + file_type)
    params.pure = asked.get("pure", False)
    params.quantize_output_tensor = not asked.get("leave", False)
    if "embedding" in asked:
        params.token_embedding_type = GGML[asked["embedding"]]
    if "output" in asked:
        params.output_tensor_type = GGML[asked["output"]]
    if "type" in asked:
        pattern, name = asked["type"]
        rules = (L.llama_model_tensor_override * 2)()
        rules[0].pattern, rules[0].type = pattern.encode(), GGML[name]
        params.tt_overrides = rules
    if "prune" in asked:
        params.prune_layers = (ctypes.c_int * 3)(*asked["prune"], -1)
    if asked.get("imatrix"):
        data = (L.llama_model_imatrix_data * 2)()
        data[0].name, data[0].data, data[0].size = b"none", (ctypes.c_float * 1)(1.0), 1
        params.imatrix = data
    said.clear()
    if L.llama_model_quantize(str(path).encode(), b"", ctypes.byref(params)) != 0:
        sys.exit(f"{path} {file_type}: " + "".join(said[-5:]))
    found = [LINE.search(line) for line in "".join(said).splitlines()]
    return [(m[1], (m[3] or m[2]).upper()) for m in found if m]


def ranges(numbers):
    out = []
    for n in numbers:
        if out and out[-1][1] == n - 1:
            out[-1][1] = n
        else:
            out.append([n, n])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in out)


def shown(pairs):
    kinds = {}
    for name, ty in pairs:
        layer = re.match(r"blk\.(\d+)\.(.*)\.weight$", name)
        kind = layer[2] if layer else name.removesuffix(".weight")
        of_kind = kinds.setdefault(kind, {})
        of_kind.setdefault(ty, []).append(int(layer[1]) if layer else -1)
    count = collections.Counter(ty for _, ty in pairs)
    usual = min(count, key=lambda ty: (-count[ty], ty))
    parts = [usual]
    for kind in sorted(kinds):
        of_kind = kinds[kind]
        whole = len(of_kind) == 1
        if whole and usual in of_kind:
            continue
        each = [ty if whole else f"{ty}@{ranges(of_kind[ty])}" for ty in sorted(of_kind)]
        parts.append(f"{kind}=" + ";".join(each))
    return " ".join(parts)


def main():
    L.llama_log_set(listen, None)
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.gguf")):
        for name, file_types, asked in VARIANTS:
            # Overrides do not depend on the model, but for whether the head is the embeddings.
            if name not in ("", "imatrix") and path.stem not in ("llama", "tied"):
                continue
            for file_type in file_types:
                pairs = types(path, file_type, asked)
                assert pairs, said
                print("|".join([path.stem, file_type, name, shown(pairs)]))


main()
