//! Embedding models through the program: a file, a real server with a store, and what is asked of
//! a server with a script.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use serde_json::{Value, json};
use tests::encoders;
use tests::models::Spec;
use tests::scratch::Scratch;

use crate::program::{ingle, ingle_env, program};
use crate::server::{Reply, Scripted};

/// `ingle serve` on a free port; ends with the test.
struct Served {
    child: Child,
    address: String,
    _store: Scratch,
}

impl Served {
    fn start() -> Served {
        let store = Scratch::new();
        let mut child = Command::new(program())
            .args(["serve", "--host", "127.0.0.1:0"])
            .env("OLLAMA_MODELS", store.path("models"))
            .env_remove("OLLAMA_HOST")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "the server ended");
            if let Some((_, after)) = line.split_once("listening on ") {
                break after.split_whitespace().next().unwrap().to_owned();
            }
        };
        // A full pipe would stop the server.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Served { child, address, _store: store }
    }

    fn ingle(&self, args: &[&str]) -> crate::program::Run {
        ingle_env(args, &[("OLLAMA_HOST", &self.address)], b"")
    }

    /// Stores a model under a name.
    fn create(&self, name: &str, spec: &Spec) {
        let scratch = Scratch::new();
        let _weights = scratch.write("model.gguf", &spec.bytes());
        let file = scratch.write("Modelfile", b"FROM ./model.gguf\n");
        let run = self.ingle(&["create", name, "-f", file.to_str().unwrap()]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    }

    /// Status and body.
    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let body = body.to_string();
        let (address, n) = (&self.address, body.len());
        let head = format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
        let type_ = "Content-Type: application/json\r\n";
        write!(stream, "{head}{type_}Content-Length: {n}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        // The body is one line, whole or in one piece.
        let json = answer.lines().find(|line| line.starts_with('{')).unwrap();
        (status, serde_json::from_str(json).unwrap())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn floats(value: &Value) -> Vec<f32> {
    serde_json::from_value(value.clone()).unwrap()
}

fn length(vector: &[f32]) -> f32 {
    vector.iter().map(|x| x * x).sum::<f32>().sqrt()
}

const TEXTS: [&str; 2] = ["The old woman looked at the sky.", "When it rained she stayed inside."];

#[test]
fn a_server_embeds_with_an_encoder_and_writes_nothing_with_it() {
    let served = Served::start();
    served.create("bert", &encoders::tiny("bert"));
    let shown = served.ingle(&["show", "bert"]);
    let shown = shown.text();
    assert!(shown.contains("architecture        bert") && shown.contains("embedding\n"), "{shown}");

    let (status, many) = served.post("/api/embed", &json!({"model": "bert", "input": TEXTS}));
    assert_eq!(status, 200, "{many}");
    let vectors: Vec<Vec<f32>> =
        many["embeddings"].as_array().unwrap().iter().map(floats).collect();
    assert_eq!(vectors.iter().map(Vec::len).collect::<Vec<_>>(), [64, 64]);
    assert!(vectors.iter().all(|vector| (length(vector) - 1.0).abs() < 1e-5));
    assert!(many["prompt_eval_count"].as_u64().unwrap() > 10 && many["total_duration"].is_u64());

    let one = json!({"model": "bert", "input": TEXTS[0], "dimensions": 16});
    let (_, short) = served.post("/api/embed", &one);
    let short = floats(&short["embeddings"][0]);
    assert!(short.len() == 16 && (length(&short) - 1.0).abs() < 1e-5);
    // The same direction: the first numbers of the whole vector.
    assert!((short[3] / short[0] - vectors[0][3] / vectors[0][0]).abs() < 1e-3);

    let (_, old) = served.post("/api/embeddings", &json!({"model": "bert", "prompt": TEXTS[0]}));
    let old = floats(&old["embedding"]);
    assert!((old[0] / length(&old) - vectors[0][0]).abs() < 1e-5, "not scaled");

    let ask = |format: &str| json!({"model": "bert", "input": TEXTS, "encoding_format": format});
    let (_, openai) = served.post("/v1/embeddings", &ask("float"));
    assert_eq!(floats(&openai["data"][1]["embedding"]), vectors[1]);
    assert_eq!(openai["usage"]["prompt_tokens"], many["prompt_eval_count"]);
    let (_, packed) = served.post("/v1/embeddings", &ask("base64"));
    let packed = packed["data"][1]["embedding"].as_str().unwrap().to_owned();
    let packed = base64::prelude::BASE64_STANDARD.decode(packed).unwrap();
    let bytes: Vec<u8> = vectors[1].iter().flat_map(|x| x.to_le_bytes()).collect();
    assert_eq!(packed, bytes);

    let long = TEXTS.join(" ").repeat(40);
    let body = |truncate: bool| json!({"model": "bert", "input": long, "truncate": truncate});
    let (status, cut) = served.post("/api/embed", &body(true));
    assert_eq!((status, &cut["prompt_eval_count"]), (200, &json!(300)));
    let (status, refused) = served.post("/api/embed", &body(false));
    assert_eq!(status, 400);
    let said = refused["error"].as_str().unwrap();
    assert!(said.contains("the input length exceeds the context length"), "{said}");

    for (path, body, what) in [
        ("/api/generate", json!({"model": "bert", "prompt": "hi"}), "generate"),
        (
            "/api/chat",
            json!({"model": "bert", "messages": [{"role": "user", "content": "hi"}]}),
            "chat",
        ),
    ] {
        let said = format!("\"bert\" does not support {what}");
        assert_eq!(served.post(path, &body), (400, json!({"error": said})));
    }

    let run = served.ingle(&["run", "bert", TEXTS[0]]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let printed: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(floats(&printed), vectors[0]);
    let talk = served.ingle(&["run", "bert"]);
    assert_eq!(talk.code, Some(2), "{}", talk.stderr);
}

#[test]
fn a_decoder_made_for_embeddings_gives_its_last_row() {
    let served = Served::start();
    served.create("last", &encoders::decoder());
    served.create("mean", &Spec { pooling: Some(1), ..encoders::decoder() });
    let embed = |model: &str, text: &str| {
        let (status, answer) = served.post("/api/embed", &json!({"model": model, "input": text}));
        assert_eq!(status, 200, "{answer}");
        floats(&answer["embeddings"][0])
    };
    assert_ne!(embed("last", TEXTS[0]), embed("mean", TEXTS[0]));
    // Of one token the last row is the mean.
    assert_eq!(embed("last", ""), embed("mean", ""));
    let (status, _) = served.post("/api/chat", &json!({"model": "last", "messages": []}));
    assert_eq!(status, 400);
}

#[test]
fn run_prints_the_vector_of_a_text_with_a_file() {
    let scratch = Scratch::new();
    let file = scratch.write("nomic.gguf", &encoders::tiny("nomic-bert").bytes());
    let file = file.to_str().unwrap();
    let run = |args: &[&str]| {
        let mut all = vec!["run", file, "--device", "cpu"];
        all.extend(args);
        ingle(&all)
    };
    let whole = run(&[TEXTS[0]]);
    assert_eq!((whole.code, whole.stderr.as_str()), (Some(0), ""));
    let whole: Vec<f32> = serde_json::from_slice(&whole.stdout).unwrap();
    assert!(whole.len() == 64 && (length(&whole) - 1.0).abs() < 1e-5);
    let short = run(&[TEXTS[0], "--dimensions", "8"]);
    let short: Vec<f32> = serde_json::from_slice(&short.stdout).unwrap();
    assert!(short.len() == 8 && (length(&short) - 1.0).abs() < 1e-5);
    let cut = run(&[TEXTS[0], "--ctx", "8"]);
    assert!(cut.code == Some(0) && cut.stderr.contains("were left out"), "{}", cut.stderr);
    let refused = run(&[TEXTS[0], "--ctx", "8", "--truncate=false"]);
    assert!(refused.code == Some(5) && refused.stderr.contains("holds 8"), "{}", refused.stderr);
    let wide = run(&[TEXTS[0], "--ctx", "9999"]);
    assert!(wide.code == Some(0) && wide.stderr.contains("300 tokens"), "{}", wide.stderr);
}

#[test]
fn run_asks_a_server_for_the_vector_of_a_stored_model() {
    const SHOW: Reply = ("POST /api/show", 200, r#"{"capabilities":["embedding"]}"#);
    const EMBED: Reply =
        ("POST /api/embed", 200, r#"{"embeddings":[[0.5,-1.5]],"truncated_tokens":2}"#);
    let rows: [(&[&str], Value); 2] = [
        (&["run", "m", "hi"], json!({"model": "m", "input": "hi"})),
        (
            &["run", "m", "a", "b", "--truncate=false", "--dimensions", "2", "--ctx", "64"],
            json!({"model": "m", "input": "a b", "truncate": false, "dimensions": 2,
                "options": {"num_ctx": 64}}),
        ),
    ];
    for (args, body) in rows {
        let server = Scripted::start(&[SHOW, EMBED]);
        let run = ingle_env(args, &[("OLLAMA_HOST", &server.address)], b"");
        assert_eq!((run.code, run.text()), (Some(0), "[0.5,-1.5]\n"), "{}", run.stderr);
        assert!(run.stderr.starts_with("warning: the text is longer"), "{}", run.stderr);
        assert_eq!(server.asked()[1].body, body);
    }
    let server = Scripted::start(&[("POST /api/show", 200, r#"{"capabilities":["completion"]}"#)]);
    let args = ["run", "m", "hi", "--dimensions", "2"];
    let run = ingle_env(&args, &[("OLLAMA_HOST", &server.address)], b"");
    assert!(run.code == Some(2) && run.stderr.contains("embedding models"), "{}", run.stderr);
}
