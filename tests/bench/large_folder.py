#!/usr/bin/env python3
"""Makes a folder that looks like Llama 3's 8B in bfloat16: shapes, vocabulary's size, 16 GB.

    python3 tests/bench/large_folder.py FOLDER
    ingle quantize FOLDER out.gguf Q4_K_M --max-memory 2G

The weights are a hole in a file (zeros that take no room on the disk), so this measures memory
and that it ends, not rounding. The tokens are numbers, made here.
"""

import json
import math
import pathlib
import sys

DIM, FFN, LAYERS, HEADS, KV_HEADS, HEAD = 4096, 14336, 32, 32, 8, 128
VOCAB = 128256
BYTES = 2


def shapes():
    """Tensors in the file's order."""
    yield "model.embed_tokens.weight", [VOCAB, DIM]
    for i in range(LAYERS):
        for name, shape in [
            ("self_attn.q_proj", [HEADS * HEAD, DIM]),
            ("self_attn.k_proj", [KV_HEADS * HEAD, DIM]),
            ("self_attn.v_proj", [KV_HEADS * HEAD, DIM]),
            ("self_attn.o_proj", [DIM, HEADS * HEAD]),
            ("mlp.gate_proj", [FFN, DIM]),
            ("mlp.up_proj", [FFN, DIM]),
            ("mlp.down_proj", [DIM, FFN]),
            ("input_layernorm", [DIM]),
            ("post_attention_layernorm", [DIM]),
        ]:
            yield f"model.layers.{i}.{name}.weight", shape
    yield "model.norm.weight", [DIM]
    yield "lm_head.weight", [VOCAB, DIM]


def weights(path):
    header, at = {}, 0
    for name, shape in shapes():
        end = at + BYTES * math.prod(shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, end]}
        at = end
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + at)


def byte_tokens():
    """The 256 letters that stand for bytes in a byte-level vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    letters = {byte: chr(byte) for byte in plain}
    letters |= {byte: chr(256 + i) for i, byte in enumerate(others)}
    return [letters[byte] for byte in range(256)]


def tokenizer():
    tokens = byte_tokens()
    tokens += [f"word{i}" for i in range(VOCAB - 2 - len(tokens))]
    added = [{"id": VOCAB - 2, "content": "<s>", "special": True},
             {"id": VOCAB - 1, "content": "</s>", "special": True}]
    return {
        "added_tokens": added,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
        "model": {"type": "BPE", "vocab": {token: i for i, token in enumerate(tokens)},
                  "merges": []},
    }


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "architectures": ["LlamaForCausalLM"], "hidden_size": DIM, "intermediate_size": FFN,
        "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS, "head_dim": HEAD, "max_position_embeddings": 8192,
        "rms_norm_eps": 1e-5, "rope_theta": 500000.0, "tie_word_embeddings": False,
        "vocab_size": VOCAB, "bos_token_id": VOCAB - 2, "eos_token_id": VOCAB - 1,
    }
    own = {"bos_token": "<s>", "eos_token": "</s>", "add_bos_token": True}
    for name, value in [("config.json", config), ("tokenizer_config.json", own),
                        ("tokenizer.json", tokenizer())]:
        (folder / name).write_text(json.dumps(value))
    weights(folder / "model.safetensors")


if __name__ == "__main__":
    main()
