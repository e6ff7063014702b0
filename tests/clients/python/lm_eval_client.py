"""The evaluation harness `lm-eval`, unmodified, through its `local-completions`: small tasks of our
own run to the end, and each probability it sums is compared with the program's own logits."""

import json
import os
import subprocess
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "lm-eval"
scratch = tempfile.TemporaryDirectory(prefix="ingle-lm-eval-")
# Nothing is asked of a hub, and nothing is kept in the home of the person who runs this.
os.environ.update(
    HF_HOME=scratch.name,
    HF_DATASETS_CACHE=scratch.name,
    HF_HUB_OFFLINE="1",
    HF_DATASETS_OFFLINE="1",
    TOKENIZERS_PARALLELISM="false",
)

import datasets
import lm_eval
import numpy
from lm_eval.tasks import TaskManager
from lm_eval.utils import make_table
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from lib import script
from lib.report import case, equal, run
from lib.server import PROGRAM, SEEDED, Server

datasets.disable_progress_bars()
server = Server()
server.create("scripted", script.FILE)
server.create("noise", script.NOISE_FILE)

LOGLIKELIHOOD_TOLERANCE = 1e-4
"""Per token: the arithmetic is the same, and texts have seven digits."""

WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How text is cut before its pieces are merged, under the name `llama-bpe`."""


def tokenizer(model):
    """Writes the model's tokenizer as Hugging Face's, and gives it and its folder."""
    shown = json.loads(server.ask("/api/show", {"model": model, "verbose": True}))["model_info"]
    tokens = shown["tokenizer.ggml.tokens"]
    merges = [tuple(pair.split(" ")) for pair in shown["tokenizer.ggml.merges"]]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    ours = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=True))
    ours.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    ours.decoder = decoders.ByteLevel()
    control = shown["tokenizer.ggml.token_type"]
    ours.add_special_tokens([token for token, kind in zip(tokens, control) if kind == 3])
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=ours,
        bos_token=tokens[shown["tokenizer.ggml.bos_token_id"]],
        eos_token=tokens[shown["tokenizer.ggml.eos_token_id"]],
    )
    folder = f"{scratch.name}/{model}"
    wrapped.save_pretrained(folder)
    return wrapped, folder


def evaluate(model, tasks, **more):
    """Runs the tasks; gives their results, with samples, and the tokenizer."""
    os.chdir(FOLDER)
    ours, folder = tokenizer(model)
    done = lm_eval.simple_evaluate(
        model="local-completions",
        model_args={
            "model": model,
            "base_url": f"{server.url}/v1/completions",
            "tokenizer": folder,
            "tokenizer_backend": "huggingface",
            "max_length": 128,
            **more,
        },
        tasks=tasks,
        task_manager=TaskManager(include_path=str(FOLDER), include_defaults=False),
        bootstrap_iters=0,
    )
    print(make_table(done))
    return done, ours


def summed(ids, first):
    """The log-probabilities of `ids[first:]`, summed, by the program's own logits."""
    tokens = ",".join(map(str, ids))
    command = [PROGRAM, "logits", SEEDED / script.NOISE_FILE, "--all", "--device", "cpu"]
    raw = subprocess.run([*command, "--tokens", tokens, "--out", "-"], capture_output=True)
    equal((raw.returncode, raw.stderr), (0, b""))
    logits = numpy.frombuffer(raw.stdout, numpy.float32).reshape(len(ids), -1).astype(float)
    rows = logits - numpy.log(numpy.exp(logits).sum(axis=1, keepdims=True))
    greedy = all(rows[i - 1].argmax() == ids[i] for i in range(first, len(ids)))
    return sum(rows[i - 1][ids[i]] for i in range(first, len(ids))), greedy


def check_likelihoods(done, ours, task):
    """Each request of the task, as the harness summed it and as the logits say."""
    n = 0
    for sample in done["samples"][task]:
        arguments = sample["arguments"]
        requests = arguments.values() if isinstance(arguments, dict) else arguments
        for request, response in zip(requests, sample["resps"], strict=True):
            context, text = request.values() if isinstance(request, dict) else request
            # As the harness does it: the end of the context stays as it is alone.
            begin = ours.encode(context)
            first, ids = len(begin), begin + ours.encode(context + text)[len(begin) :]
            got, is_greedy = response[0]
            want, would_write = summed(ids, first)
            assert abs(got - want) < LOGLIKELIHOOD_TOLERANCE * (len(ids) - first), (got, want)
            equal(is_greedy, bool(would_write))
            n += 1
    return n


@case("loglikelihood and multiple choice, one by one")
def _():
    done, ours = evaluate("noise", ["ingle_last_word", "ingle_choice"])
    equal(check_likelihoods(done, ours, "ingle_last_word"), 6)
    equal(check_likelihoods(done, ours, "ingle_choice"), 9)
    results = done["results"]
    assert results["ingle_last_word"]["perplexity,none"] > 1
    assert 0 <= results["ingle_choice"]["acc_norm,none"] <= 1


@case("loglikelihood in batches, several requests at a time, as text")
def _():
    more = {"batch_size": 3, "num_concurrent": 2, "tokenized_requests": False}
    done, ours = evaluate("noise", ["ingle_last_word"], add_bos_token=False, **more)
    equal(len(done["samples"]["ingle_last_word"]), 6)
    assert done["results"]["ingle_last_word"]["perplexity,none"] > 1


@case("perplexity of whole texts, in windows")
def _():
    done, _ = evaluate("noise", ["ingle_whole_text"], max_length=64)
    results = done["results"]["ingle_whole_text"]
    assert results["byte_perplexity,none"] > 1 and results["bits_per_byte,none"] > 0


@case("answers that are written")
def _():
    done, _ = evaluate("scripted", ["ingle_answer"])
    equal(done["results"]["ingle_answer"]["exact_match,none"], 1.0)


def after():
    server.close()
    scratch.cleanup()


run(after)
