#!/usr/bin/env python3
"""Writes truth.json: what llama.cpp computes of the seeded models on the project's own text.

Needs llama-cpp-python and gguf. The models are written by the repository's own program:

    cargo run -p tests --bin fixtures -- tests/seeded-models.txt --out MODELS
    python3 tests/measure/make_truth.py MODELS > tests/measure/truth.json

Perplexities and divergences are worked out here from llama.cpp's logits, by their definitions;
importances are sums over what its MUL_MAT ops read, which its eval callback shows. Weights are
expanded to F32 first, and the cache is F32, so that the truth holds for any right implementation.
"""

import base64
import ctypes
import glob
import json
import os
import pathlib
import sys

import llama_cpp as L
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "embeddings"))
from truth import expanded  # noqa: E402

MODELS = ["llama-untied", "llama-spm", "qwen2-tied", "qwen3-tied", "gemma3-tied", "llama-Q4_K"]
PAIRS = [("llama-Q3_K", "llama-Q6_K")]  # compared, base
N_CTX, N_WINDOWS = 64, 4
LIBRARY = ctypes.CDLL(glob.glob(os.path.dirname(L.__file__) + "/lib/libggml-base.so*")[0])
LIBRARY.ggml_op_name.restype = ctypes.c_char_p


class Tensor(ctypes.Structure):
    """ggml_tensor, as far as it is looked at."""


Tensor._fields_ = [
    ("type", ctypes.c_int), ("buffer", ctypes.c_void_p), ("ne", ctypes.c_int64 * 4),
    ("nb", ctypes.c_size_t * 4), ("op", ctypes.c_int), ("op_params", ctypes.c_int32 * 16),
    ("flags", ctypes.c_int32), ("src", ctypes.POINTER(Tensor) * 10),
    ("view_src", ctypes.c_void_p), ("view_offs", ctypes.c_size_t), ("data", ctypes.c_void_p),
    ("name", ctypes.c_char * 64),
]


class Model:
    """A model that is read window by window, and what its matrices were multiplied with."""

    def __init__(self, path, text):
        self.sums = {}
        params = L.llama_model_default_params()
        params.n_gpu_layers = 0
        self.model = L.llama_model_load_from_file(str(path).encode(), params)
        self.vocab = L.llama_model_get_vocab(self.model)
        params = L.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = N_CTX
        params.n_threads = params.n_threads_batch = 2
        params.flash_attn_type = 0
        params.type_k = params.type_v = 0
        kind = ctypes.CFUNCTYPE(ctypes.c_bool, ctypes.c_void_p, ctypes.c_bool, ctypes.c_void_p)
        self.callback = kind(self.look)
        params.cb_eval = ctypes.cast(self.callback, type(params.cb_eval) or ctypes.c_void_p)
        self.context = L.llama_init_from_model(self.model, params)
        ids = (L.llama_token * (len(text) + 8))()
        n = L.llama_tokenize(self.vocab, text, len(text), ids, len(ids), True, False)
        self.ids = list(ids[:n])
        self.n_vocab = L.llama_vocab_n_tokens(self.vocab)

    def look(self, pointer, ask, _):
        tensor = ctypes.cast(pointer, ctypes.POINTER(Tensor)).contents
        if LIBRARY.ggml_op_name(tensor.op) != b"MUL_MAT":
            return not ask
        name, x = tensor.src[0].contents.name.decode(), tensor.src[1].contents
        wanted = name.startswith("blk.") or name == "output.weight"
        if not ask and wanted:
            data = ctypes.cast(x.data, ctypes.POINTER(ctypes.c_float))
            rows = np.ctypeslib.as_array(data, shape=(x.ne[1], x.ne[0])).astype(np.float64)
            old, n = self.sums.get(name, (0, 0))
            self.sums[name] = (old + (rows * rows).sum(0), n + len(rows))
        return wanted or not ask

    def window(self, i):
        """Ids, and log-probabilities of the scored rows."""
        ids = self.ids[i * N_CTX:(i + 1) * N_CTX]
        if L.llama_vocab_get_add_bos(self.vocab):
            ids[0] = L.llama_vocab_bos(self.vocab)
        batch = L.llama_batch_init(N_CTX, 0, 1)
        batch.n_tokens = N_CTX
        for k, token in enumerate(ids):
            batch.token[k], batch.pos[k], batch.logits[k] = token, k, True
            batch.n_seq_id[k], batch.seq_id[k][0] = 1, 0
        L.llama_memory_clear(L.llama_get_memory(self.context), True)
        assert L.llama_decode(self.context, batch) == 0
        logits = np.ctypeslib.as_array(L.llama_get_logits(self.context), (N_CTX, self.n_vocab))
        rows = logits[N_CTX // 2:N_CTX - 1].astype(np.float64)
        L.llama_batch_free(batch)
        rows -= rows.max(1, keepdims=True)
        return ids[N_CTX // 2 + 1:], rows - np.log(np.exp(rows).sum(1, keepdims=True))


def surprise(ids, rows):
    return -rows[np.arange(len(ids)), ids]


def case(path, text):
    model = Model(path, text)
    nats, running = [], []
    for i in range(N_WINDOWS):
        nats.extend(surprise(*model.window(i)))
        running.append(float(np.exp(np.mean(nats))))
    error = np.std(nats) / np.sqrt(len(nats) - 1) * running[-1]
    packed = lambda sums: base64.b64encode(sums.astype("<f4").tobytes()).decode()
    return {
        "running": running,
        "error": float(error),
        "inputs": {name: {"rows": n, "squares": packed(sums)}
                   for name, (sums, n) in sorted(model.sums.items())},
    }


def pair(path, base_path, text):
    model, base = Model(path, text), Model(base_path, text)
    kl, delta, same, ratio = [], [], [], []
    for i in range(N_WINDOWS):
        (ids, q), (_, p) = model.window(i), base.window(i)
        kl.extend((np.exp(p) * (p - q)).sum(1))
        a, b = surprise(ids, q), surprise(ids, p)
        delta.extend(np.exp(-a) - np.exp(-b))
        ratio.extend(a - b)
        same.extend(q.argmax(1) == p.argmax(1))
    return {
        "kl": float(np.mean(kl)), "kl_max": float(np.max(kl)), "kl_median": float(np.median(kl)),
        "kl_90": float(np.quantile(kl, 0.9)), "log_ratio": float(np.mean(ratio)),
        "log_ratio_error": float(np.std(ratio) / np.sqrt(len(ratio) - 1)),
        "delta_rms": float(np.sqrt(np.mean(np.square(delta)))), "delta": float(np.mean(delta)),
        "same_top": float(np.mean(same)),
    }


def main():
    folder = pathlib.Path(sys.argv[1])
    scratch = folder / "expanded"
    scratch.mkdir(exist_ok=True)
    text = (HERE.parent.parent / "crates/measure/src/validate/text.txt").read_bytes()
    text = text.removesuffix(b"\n")
    path = lambda name: expanded(folder / f"{name}.gguf", scratch)
    out = {
        "ctx": N_CTX,
        "windows": N_WINDOWS,
        "models": {name: case(path(name), text) for name in MODELS},
        "pairs": [{"model": a, "base": b, **pair(path(a), path(b), text)} for a, b in PAIRS],
    }
    json.dump(out, sys.stdout, indent=1, sort_keys=True)
    print()


if __name__ == "__main__":
    main()
