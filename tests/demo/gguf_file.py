"""Writes the demo model as a GGUF file (F16 matrices, F32 norms), through the `gguf` package."""

import json
from pathlib import Path

import gguf
import numpy as np

from tokenizer import SPECIAL

TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def write(path: Path, weights: dict, dims, tokenizer) -> None:
    file = gguf.GGUFWriter(path, "llama")
    file.add_name("ingle demo")
    file.add_description("A small chat model that shows how ingle works; trained on its own texts.")
    file.add_license("MIT OR Apache-2.0")
    file.add_context_length(dims.n_ctx)
    file.add_embedding_length(dims.dim)
    file.add_block_count(dims.n_layers)
    file.add_feed_forward_length(dims.ff_dim)
    file.add_head_count(dims.n_heads)
    file.add_head_count_kv(dims.n_kv_heads)
    file.add_rope_dimension_count(dims.head_dim)
    file.add_rope_freq_base(dims.rope_theta)
    file.add_layer_norm_rms_eps(dims.eps)
    file.add_vocab_size(dims.n_vocab)
    file.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    vocabulary(file, tokenizer)
    for name, values in weights.items():
        kind = np.float32 if values.ndim == 1 else np.float16
        file.add_tensor(name, np.asarray(values).astype(kind))
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


def vocabulary(file: gguf.GGUFWriter, tokenizer) -> None:
    model = json.loads(tokenizer.to_str())["model"]
    by_id = sorted(tokenizer.get_vocab().items(), key=lambda entry: entry[1])
    kinds = [gguf.TokenType.CONTROL if text in SPECIAL else gguf.TokenType.NORMAL
             for text, _ in by_id]
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    end = tokenizer.token_to_id("<|end|>")
    file.add_tokenizer_model("gpt2")
    file.add_tokenizer_pre("qwen2")
    file.add_token_list([text for text, _ in by_id])
    file.add_token_types(kinds)
    file.add_token_merges(merges)
    file.add_eos_token_id(end)
    file.add_pad_token_id(end)
    file.add_add_bos_token(False)
    file.add_chat_template(TEMPLATE)
