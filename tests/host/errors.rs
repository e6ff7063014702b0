//! What goes wrong, by its code: one sentence, the code of the README's table, and its exit code;
//! with `--format json` the same as an object. Each row makes the program fail for real.

use serde_json::Value;
use tests::models::Spec;
use tests::scratch::Scratch;

use crate::exits::{code_of, documented};
use crate::program::{Run, ingle_env};
use crate::server::{Reply, Scripted};

/// What the program is run on.
struct Lab {
    scratch: Scratch,
    model: String,
}

impl Lab {
    fn new() -> Lab {
        let scratch = Scratch::new();
        let bytes = Spec::tiny("llama").bytes();
        let nan = Spec { nan: true, ..Spec::tiny("llama") };
        let files: [(&str, &[u8]); 5] = [
            ("cut.gguf", &bytes[..bytes.len() / 2]),
            ("text.gguf", b"# this is a text"),
            ("empty.txt", b""),
            ("other.gguf", &Spec::tiny("mamba9").bytes()),
            ("nan.gguf", &nan.bytes()),
        ];
        files.iter().for_each(|(name, bytes)| drop(scratch.write(name, bytes)));
        let model = scratch.write("model.gguf", &bytes);
        let model = model.to_str().unwrap().to_owned();
        Lab { scratch, model }
    }

    /// Runs a line: `M` is the model, `@x` the file x of the scratch folder, `HOST` an address
    /// that is taken, `<` as in a shell.
    fn run(&self, line: &str, replies: &[Reply], more: &[&str]) -> Run {
        let server = Scripted::start(replies);
        let host = match replies {
            [] => "127.0.0.1:9",
            _ => &server.address,
        };
        let (line, input) = line.split_once(" < ").unwrap_or((line, ""));
        let input = input.strip_prefix('@').map(|name| self.scratch.path(name));
        let input = input.map_or_else(Vec::new, |path| std::fs::read(path).unwrap());
        let words: Vec<String> = line
            .split_whitespace()
            .map(|word| match (word, word.strip_prefix('@')) {
                ("M", _) => self.model.clone(),
                ("HOST", _) => server.address.clone(),
                (_, Some(name)) => self.scratch.path(name).to_str().unwrap().to_owned(),
                _ => word.to_owned(),
            })
            .collect();
        let words: Vec<&str> =
            words.iter().map(String::as_str).chain(more.iter().copied()).collect();
        let store = self.scratch.path("store");
        let variables = [("OLLAMA_HOST", host), ("OLLAMA_MODELS", store.to_str().unwrap())];
        ingle_env(&words, &variables, &input)
    }
}

const SPEAKS: &str = "POST /api/pull";
const FULL: &[Reply] = &[(SPEAKS, 200, "{\"error\":\"no room\",\"code\":\"store.full\"}\n")];
const STALLED: &[Reply] = &[(SPEAKS, 200, "{\"error\":\"it stalls\",\"code\":\"net.stalled\"}\n")];
const CUT: &[Reply] = &[(SPEAKS, 200, "{\"status\":\"pulling manifest\"}\n")];
const REFUSED: &[Reply] = &[(SPEAKS, 200, "{\"error\":\"not found\",\"code\":\"net.http\"}\n")];
const UNNAMED: &[Reply] = &[(SPEAKS, 500, "{\"error\":\"it failed\"}")];
const STRANGE: &[Reply] = &[(SPEAKS, 200, "<html>\n")];
const BUSY: &[Reply] = &[("POST /api/show", 503, "{\"error\":\"server busy\"}")];
const TOKEN: &[Reply] = &[("GET /api/tags", 401, "{\"error\":\"a token is needed\"}")];
const NO_MODEL: &[Reply] = &[("POST /api/show", 404, "{\"error\":\"model 'x' not found\"}")];
const NONE: &[Reply] = &[];

#[test]
fn every_code_is_provoked() {
    let lab = Lab::new();
    let rows: &[(&str, &[Reply], &str)] = &[
        ("host.usage", NONE, "walk"),
        ("host.usage", NONE, "run M hi --kv f64"),
        ("host.usage", NONE, "run M hi --think=hard"),
        ("host.usage", NONE, "quantize M M Q4_K_M --allow-requantize"),
        ("host.usage", NONE, "save a:b:c:d -o @x"),
        ("request.invalid", NONE, "logits M --tokens 1,99999999 --out @x"),
        ("request.invalid", NONE, "quantize M @x Q8_0 --prune-layers 99"),
        ("file.missing", NONE, "run @nothing.gguf hi"),
        ("file.missing", NONE, "load @nothing"),
        ("model.missing", NONE, "verify m"),
        ("model.missing", NO_MODEL, "show x"),
        ("model.toobig", NONE, "quantize M @y Q8_0 --max-memory 1K"),
        ("ctx.full", NONE, "run M hi --ctx 4 --raw one two three four five six seven eight"),
        ("net.auth", TOKEN, "list"),
        ("net.protocol", STRANGE, "pull x"),
        ("net.stalled", STALLED, "pull x"),
        ("file.type", NONE, "show @text.gguf"),
        ("model.damaged", NONE, "run @cut.gguf hi"),
        ("model.unsupported", NONE, "run @other.gguf hi"),
        ("model.nan", NONE, "run @nan.gguf hi --device cpu"),
        ("measure.base", NONE, "perplexity M --kl-divergence --kl-divergence-base @text.gguf"),
        ("analyze.failed", NONE, "quantize M @z --analyze --max-kl 1e-15 -c 16 --chunks 1"),
        ("serve.failed", NONE, "serve --host HOST"),
        ("store.failed", NONE, "save m -o @no/such/folder/x"),
        ("net.cut", CUT, "pull x"),
        ("net.http", REFUSED, "pull x"),
        ("measure.failed", NONE, "perplexity M -f @empty.txt"),
        ("store.full", FULL, "pull x"),
        ("net.refused", NONE, "list"),
        ("server.busy", BUSY, "show x"),
        ("server.error", UNNAMED, "pull x"),
        ("serve.token", NONE, "serve --host 0.0.0.0:0"),
        ("host.io", NONE, "tokenize M < @other.gguf"),
    ];
    let mut wrong = Vec::new();
    for (code, replies, line) in rows {
        let run = lab.run(line, replies, &[]);
        // Progress may stand before it.
        let last = run.stderr.lines().last().unwrap_or_default();
        let said = match code_of(&run) {
            Ok(found) if found != *code => Err(format!("is {found}")),
            Ok(_) if !last.starts_with("error: ") => Err("no error".to_owned()),
            Ok(_) if !run.stdout.is_empty() => Err("wrote to standard output".to_owned()),
            said => said.map(drop),
        };
        wrong.extend(said.err().map(|why| format!("{line}: not {code}: {why}\n{}", run.stderr)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn errors_are_objects_for_programs() {
    let lab = Lab::new();
    let rows: &[(&str, &[Reply], &str)] = &[
        ("host.usage", NONE, "run M hi --kv f64"),
        ("file.missing", NONE, "run @nothing.gguf hi"),
        ("net.refused", NONE, "list"),
        ("model.missing", NO_MODEL, "show x"),
        ("ctx.full", NONE, "run M hi --ctx 4 --raw one two three four five six seven eight"),
    ];
    for (code, replies, line) in rows {
        for format in [&["--format", "json"][..], &["--format=json"]] {
            let run = lab.run(line, replies, format);
            let told: Value = serde_json::from_str(&run.stderr).expect(&run.stderr);
            let exit = documented().iter().find(|(known, _)| known == code).unwrap().1;
            assert_eq!((&told["code"], run.code), (&(*code).into(), Some(exit)), "{line}");
            assert_eq!(told["exit"], exit, "{line}");
            assert!(told["error"].as_str().unwrap().len() > 10, "{told}");
        }
    }
}
