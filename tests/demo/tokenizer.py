"""Trains the demo model's byte-level BPE on the corpus.

Numbers are split into digits (GGUF's `qwen2` rule), because sums are learned digit by digit.
"""

import random

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from corpus import conversation

# Roles and the end of a message are single tokens.
SPECIAL = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]

# The rule that GGUF files call `qwen2`.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def train(n_vocab: int, seed: int, n_conversations: int) -> Tokenizer:
    rng = random.Random(seed)
    texts = (text for _ in range(n_conversations) for _, text in conversation(rng))
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(SPLIT), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=n_vocab,
        min_frequency=8,
        special_tokens=SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def ids_of(tokenizer: Tokenizer, messages: list[tuple[str, str]]) -> tuple[list[int], list[int]]:
    """Ids of a conversation, and for each whether it is learned: answers and their ends are."""
    ids, learned = [], []
    for role, text in messages:
        head = tokenizer.encode(f"<|{role}|>").ids
        body = tokenizer.encode(text).ids + tokenizer.encode("<|end|>").ids
        ids += head + body
        learned += [0] * len(head) + [int(role == "assistant")] * len(body)
    return ids, learned
