#!/usr/bin/env python3
"""Texts of 512 tokens through an encoder of MiniLM's shape, on two threads: ours and llama.cpp's.

    cargo build --release -p cpu --example embed_s
    python3 tests/bench/embed.py target/release/examples/embed_s [ROUNDS] > RESULT.json

Besides, processor seconds per text on one thread: they tell of the code where others use the
machine too, which wall-clock times of threads that wait for each other do not.

Needs llama-cpp-python, gguf and numpy. Weights are random: 6 layers of 384, 12 heads, F16, as
all-MiniLM-L6-v2 has them. Both take turns in one run, so that they see the same machine; tokens are
made before the clock starts. A ratio above 1 says that ours is faster.
"""

import datetime
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import gguf
import llama_cpp
import numpy as np

DIM, FFN, LAYERS, HEADS, CONTEXT, VOCAB = 384, 1536, 6, 12, 512, 4000
TOKENS, TEXTS, THREADS = 512, 5, 2


def write(path):
    rng = np.random.default_rng(7)
    writer = gguf.GGUFWriter(path, "bert")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(DIM)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_layer_norm_eps(1e-12)
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_tokenizer_model("bert")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    writer.add_token_list(special + [f"\u2581w{i}" for i in range(VOCAB - len(special))])
    writer.add_token_types([3] * len(special) + [1] * (VOCAB - len(special)))
    writer.add_bos_token_id(2)
    writer.add_sep_token_id(3)
    writer.add_unk_token_id(1)
    writer.add_token_type_count(2)

    def add(name, *shape, dtype=np.float32, scale=None, base=0.0):
        scale = scale or 1 / np.sqrt(shape[-1])
        writer.add_tensor(name, (base + scale * rng.standard_normal(shape)).astype(dtype))

    def linear(name, rows, cols):
        add(f"{name}.weight", rows, cols, dtype=np.float16)
        add(f"{name}.bias", rows, scale=0.02)

    def norm(name):
        add(f"{name}.weight", DIM, scale=0.1, base=1.0)
        add(f"{name}.bias", DIM, scale=0.02)

    add("token_embd.weight", VOCAB, DIM, dtype=np.float16, scale=0.05)
    add("token_types.weight", 2, DIM, scale=0.05)
    add("position_embd.weight", CONTEXT, DIM, scale=0.05)
    norm("token_embd_norm")
    for i in range(LAYERS):
        for name in ["attn_q", "attn_k", "attn_v", "attn_output"]:
            linear(f"blk.{i}.{name}", DIM, DIM)
        linear(f"blk.{i}.ffn_up", FFN, DIM)
        linear(f"blk.{i}.ffn_down", DIM, FFN)
        norm(f"blk.{i}.attn_output_norm")
        norm(f"blk.{i}.layer_output_norm")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def ours_cpu(program, path):
    """Processor seconds of a text: what ten more texts cost."""
    def seconds(n):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([program, str(path), str(TOKENS), str(n), "1"], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return (seconds(11) - seconds(1)) / 10


def ours(program, path):
    args = [program, str(path), str(TOKENS), str(TEXTS), str(THREADS)]
    out = subprocess.run(args, check=True, capture_output=True, text=True).stdout
    return [float(line) for line in out.split()]


class Theirs:
    def __init__(self, path, flash, threads=THREADS):
        self.llama = llama_cpp.Llama(
            str(path), embedding=True, n_ctx=CONTEXT, n_batch=CONTEXT, n_ubatch=CONTEXT,
            n_threads=threads, n_threads_batch=threads, flash_attn=flash, verbose=False,
        )
        self.ids = [5 + i * 7 % (VOCAB - 5) for i in range(TOKENS)]

    def texts(self, clock=time.perf_counter):
        seconds = []
        for _ in range(TEXTS + 1):
            batch, context = self.llama._batch, self.llama._ctx
            batch.reset()
            batch.add_sequence(self.ids, 0, True)
            start = clock()
            context.kv_cache_clear()
            context.decode(batch)
            llama_cpp.llama_get_embeddings_seq(context.ctx, 0)[0]
            seconds.append(clock() - start)
        return seconds[1:]


def main():
    program = sys.argv[1]
    n_rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 7
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "minilm.gguf"
        write(path)
        theirs = {"plain": Theirs(path, False), "flash": Theirs(path, True)}
        single = {name: Theirs(path, name == "flash", 1) for name in theirs}
        rounds, cpu_rounds = [], []
        for _ in range(n_rounds):
            row = {"ingle": statistics.median(ours(program, path))}
            row |= {name: statistics.median(one.texts()) for name, one in theirs.items()}
            rounds.append(row)
            row = {"ingle": ours_cpu(program, path)}
            clock = time.process_time
            row |= {name: statistics.median(one.texts(clock)) for name, one in single.items()}
            cpu_rounds.append(row)
    per_s = lambda name: sorted(1 / row[name] for row in rounds)
    cpu = next(l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name"))
    spread = lambda rates: {k: round(v, 2) for k, v in
                            [("min", rates[0]), ("median", statistics.median(rates)), ("max", rates[-1])]}
    ratios = lambda rounds: {
        name: spread(sorted(row[name] / row["ingle"] for row in rounds)) for name in theirs
    }
    print(json.dumps({
        "date": datetime.date.today().isoformat(),
        "machine": {"cpu": cpu, "threads": THREADS},
        "model": f"bert, {LAYERS} layers, {DIM} wide, {HEADS} heads, F16, random weights",
        "tokens_per_text": TOKENS,
        "peer": "llama-cpp-python " + llama_cpp.__version__,
        "texts_per_s": {name: spread(per_s(name)) for name in ["ingle", *theirs]},
        "ratio_to_llama_cpp": ratios(rounds),
        "seconds_per_text_by_round": rounds,
        "one_thread_ratio_of_processor_seconds": ratios(cpu_rounds),
        "one_thread_processor_seconds_by_round": cpu_rounds,
        "load_average_at_the_end": os.getloadavg()[0],
    }, indent=1))


main()
