//! Names of `tokenizer.ggml.pre` and what they stand for.
//!
//! A table and not code per model: a converter writes the name of the tokenizer it recognized, and
//! dozens of names share a dozen rules. A name that is not here is refused: a wrong rule would give
//! ids the model never saw, and nothing would tell.

use super::{Stage, cased, deepseek, digits, gpt2, sets, words};

/// How text is cut, and what else the name decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pre {
    pub stages: &'static [Stage],
    /// A word that is a token as a whole is that token, whatever the merges would make of it.
    pub ignore_merges: bool,
    /// Whether the begin-of-text token is added where the file does not say.
    pub add_bos: bool,
    /// Tokens are text with `▁` for spaces, and not bytes spelled as GPT-2 does.
    pub plain: bool,
    /// A run of line breaks that is a token as a whole is that token.
    pub line_runs: bool,
    /// Whether the file may have no merges at all.
    pub merges_optional: bool,
}

const BASE: Pre = Pre {
    stages: &[gpt2::gpt2],
    ignore_merges: false,
    add_bos: false,
    plain: false,
    line_runs: false,
    merges_optional: false,
};

const fn of(stages: &'static [Stage]) -> Pre {
    Pre { stages, ..BASE }
}

/// Rules by name; a name of a family that differs in a flag has a row of its own.
const TABLE: &[(&[&str], Pre)] = &[
    (&["default", ""], of(&[sets::punctuation, gpt2::gpt2, digits::all, digits::three_ascii])),
    (
        &[
            "gpt-2",
            "phi-2",
            "jina-es",
            "jina-de",
            "jina-v2-es",
            "jina-v2-de",
            "jina-v1-en",
            "jina-v2-code",
            "roberta-bpe",
            "gigachat",
            "a.x-4.0",
            "mellum",
            "modern-bert",
            "exaone4",
            "mpt",
            "olmo",
            "jais",
            "trillion",
            "granite-docling",
        ],
        BASE,
    ),
    (
        &[
            "llama3",
            "llama-v3",
            "llama-bpe",
            "falcon3",
            "falcon-h1",
            "pixtral",
            "midm-2.0",
            "lfm2",
            "jina-v5-nano",
        ],
        Pre { ignore_merges: true, add_bos: true, ..of(&[words::llama3]) },
    ),
    (&["dbrx", "smaug-bpe", "chatglm-bpe"], of(&[words::llama3])),
    (&["glm4", "glm5"], Pre { ignore_merges: true, ..of(&[words::llama3]) }),
    (&["jais-2"], of(&[words::jais2])),
    (
        &[
            "qwen2",
            "deepseek-r1-qwen",
            "kormo",
            "f2llmv2",
            "megrez",
            "stablelm2",
            "hunyuan",
            "solar-open",
            "grok-2",
            "bailingmoe",
            "bailingmoe2",
            "llada-moe",
        ],
        of(&[words::qwen2]),
    ),
    (&["qwen35"], of(&[words::qwen35])),
    (&["ufakzeka"], of(&[words::ufakzeka])),
    (&["seed-coder"], of(&[words::seed_coder])),
    (&["laguna"], of(&[sets::lines, words::qwen2])),
    (&["exaone-moe"], of(&[words::exaone_moe])),
    (&["minicpm5"], Pre { ignore_merges: true, ..of(&[digits::up_to_three, words::minicpm5]) }),
    (&["youtu"], Pre { ignore_merges: true, ..of(&[sets::scripts, words::youtu]) }),
    (&["tiny_aya", "cohere2moe"], of(&[digits::groups_from_right, words::tiny_aya])),
    (
        &[
            "starcoder",
            "refact",
            "command-r",
            "smollm",
            "codeshell",
            "exaone",
            "minerva-7b",
            "mellum2",
        ],
        of(&[digits::single, gpt2::gpt2]),
    ),
    (&["falcon"], of(&[sets::punctuation_and_backtick, gpt2::gpt2, digits::three_ascii])),
    (
        &["deepseek-llm"],
        of(&[
            sets::breaks,
            deepseek::cased_letters,
            deepseek::marks,
            sets::trailing_space,
            sets::east_asian,
            digits::all,
        ]),
    ),
    (
        &["deepseek-coder"],
        of(&[sets::breaks, sets::letters, sets::marks, sets::east_asian, digits::single]),
    ),
    (
        &["deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"],
        of(&[digits::up_to_three, sets::han_kana, deepseek::v3]),
    ),
    (&["spark2_5"], of(&[digits::up_to_three, sets::han_kana, deepseek::spark, digits::single])),
    (&["afmoe"], of(&[digits::groups_from_right, sets::asian, deepseek::v3])),
    (&["kimi-k2"], Pre { merges_optional: true, ..of(&[deepseek::kimi_k2]) }),
    (&["gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"], of(&[cased::gpt4o])),
    (&["tekken"], Pre { ignore_merges: true, add_bos: true, ..of(&[cased::tekken]) }),
    (&["granite-embed-multi-97m"], Pre { ignore_merges: true, ..of(&[cased::granite]) }),
    (&["poro-chat", "bloom", "gpt3-finnish"], of(&[sets::bloom])),
    (&["viking"], of(&[sets::bloom, digits::single])),
    (&["superbpe"], of(&[digits::all, digits::thousands])),
    (
        &["gemma4", "granite-embed-multi-311m"],
        Pre { plain: true, line_runs: true, add_bos: true, ..of(&[sets::lines]) },
    ),
    (&["sarvam-moe"], Pre { plain: true, ..of(&[sets::lines]) }),
];

/// The rule with this name; the empty name is a file that does not say, an old one.
pub(crate) fn find(name: &str) -> Option<Pre> {
    TABLE.iter().find(|(names, _)| names.contains(&name)).map(|(_, pre)| *pre)
}

/// All names, in the order of the table; the nameless rule of old files is `default`.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().flat_map(|(names, _)| names.iter().copied()).filter(|name| !name.is_empty())
}
