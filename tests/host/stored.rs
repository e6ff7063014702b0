//! The commands on stored models, against a server with a script: what is asked, what is printed,
//! and with which code they end.

use serde_json::{Value, json};
use tests::scratch::Scratch;

use crate::program::{Run, ingle_env};
use crate::server::{Asked, Reply, Scripted};

/// The `ingle` command with these arguments at a server with these replies.
fn at(replies: &[Reply], args: &[&str], input: &str) -> (Run, Vec<Asked>) {
    let server = Scripted::start(replies);
    let run = ingle_env(args, &[("OLLAMA_HOST", &server.address)], input.as_bytes());
    let asked = server.asked();
    (run, asked)
}

const TAGS: &str = r#"{"models":[
    {"name":"llama3.2:1b","modified_at":"2020-01-01T00:00:00Z","size":1321098329,
     "digest":"baf6a787fdffd633537aa2eb51cfd54cb93ff08e28040095462bb63daf552878"},
    {"name":"Qwen3:latest","modified_at":"0001-01-01T00:00:00Z","size":485,"digest":"ab"}]}"#;
const PS: &str = r#"{"models":[
    {"name":"a","digest":"0123456789abcdef","size":1000000000,"size_vram":520000000,
     "context_length":4096,"expires_at":"2400-01-01T00:00:00Z"},
    {"name":"b","digest":"00","size":5000,"size_vram":0,"context_length":64,
     "expires_at":"2020-01-01T00:00:00Z"}]}"#;
const SHOW: &str = r#"{"license":"One\n\nTwo\nThree","modelfile":"FROM x","parameters":
    "stop    \"<end>\"\ntemperature    0.5","template":"{{ .Prompt }}","system":"Be brief.",
    "details":{"family":"llama","parameter_size":"1.2B","quantization_level":"Q8_0"},
    "model_info":{"general.architecture":"llama","general.parameter_count":1235814432,
    "llama.context_length":131072,"llama.embedding_length":2048},
    "capabilities":["completion","tools"]}"#;
const SECTIONS: &str = r#"  Model
    architecture        llama
    parameters          1.2B
    context length      131072
    embedding length    2048
    quantization        Q8_0

  Capabilities
    completion
    tools

  Parameters
    stop           "<end>"
    temperature    0.5

  System
    Be brief.

  License
    One
    Two
    ...

"#;
const PULLED: &str = "{\"status\":\"pulling manifest\"}\n\
    {\"status\":\"pulling aa\",\"digest\":\"sha256:aa\",\"total\":2000,\"completed\":0}\n\
    {\"status\":\"pulling aa\",\"digest\":\"sha256:aa\",\"total\":2000,\"completed\":900}\n\
    {\"status\":\"pulling aa\",\"digest\":\"sha256:aa\",\"total\":2000,\"completed\":2000}\n\
    {\"status\":\"success\"}\n";
const PULL_LINES: &str =
    "pulling manifest\npulling aa 0% of 2 KB\npulling aa 100% of 2 KB\nsuccess\n";
const BROKEN: &str = "{\"status\":\"pulling manifest\"}\n{\"error\":\"no space\"}\n";
const ANSWER: &str = "{\"response\":\"\",\"thinking\":\"hm\"}\n{\"response\":\"Hello\"}\n\
    {\"response\":\" you\",\"done\":true,\"done_reason\":\"stop\",\"total_duration\":1500000000,\
    \"load_duration\":1000000,\"prompt_eval_count\":10,\"prompt_eval_duration\":500000000,\
    \"eval_count\":4,\"eval_duration\":2000000000,\"truncated_tokens\":3}\n";
const FIGURES: &str = "\
total duration:       1.5s
load duration:        1ms
prompt eval count:    10 token(s)
prompt eval duration: 500ms
prompt eval rate:     20.00 tokens/s
eval count:           4 token(s)
eval duration:        2s
eval rate:            2.00 tokens/s
";
const NOT_FOUND: &str = r#"{"error":"model 'x' not found"}"#;

/// What a command does: replies, arguments, code, standard output, standard error, requests.
type Row<'a> = (&'a [Reply], &'a [&'a str], i32, String, String, Vec<(&'a str, Value)>);

fn check(rows: Vec<Row>) {
    for (replies, args, code, stdout, stderr, requests) in rows {
        let (run, asked) = at(replies, args, "");
        assert_eq!(String::from_utf8_lossy(&run.stdout), stdout, "{args:?} {}", run.stderr);
        assert_eq!(run.stderr, stderr, "{args:?}");
        assert_eq!(run.code, Some(code), "{args:?}");
        let wanted = requests.into_iter().map(|(what, body)| Asked { what: what.into(), body });
        assert_eq!(asked, wanted.collect::<Vec<_>>(), "{args:?}");
    }
}

#[test]
fn listings() {
    let years = |text: &str| text.to_owned();
    let none = json!("");
    let list: &[Reply] = &[("GET /api/tags", 200, TAGS)];
    let ps: &[Reply] = &[("GET /api/ps", 200, PS)];
    let (run, asked) = at(list, &["list"], "");
    let lines: Vec<&str> = run.text().lines().collect();
    assert_eq!(lines[0], "NAME            ID              SIZE      MODIFIED");
    assert!(
        lines[1].starts_with("llama3.2:1b     baf6a787fdff    1.3 GB    ")
            && lines[1].ends_with(" years ago"),
        "{lines:?}"
    );
    assert_eq!(lines[2], "Qwen3:latest    ab              485 B     Never");
    assert_eq!(asked, [Asked { what: "GET /api/tags".into(), body: none.clone() }]);
    let models: Value = serde_json::from_str::<Value>(TAGS).unwrap()["models"].take();
    let one = format!("{}\n", json!([models[1]]));
    let shown = "NAME    ID              SIZE    PROCESSOR          CONTEXT    UNTIL\n\
                 a       0123456789ab    1 GB    48%/52% CPU/GPU    4096       Forever\n\
                 b       00              5 KB    100% CPU           64         Stopping...\n";
    check(vec![
        (
            list,
            &["ls", "qwen", "--format", "json"],
            0,
            one,
            years(""),
            vec![("GET /api/tags", none.clone())],
        ),
        (ps, &["ps"], 0, years(shown), years(""), vec![("GET /api/ps", none)]),
    ]);
}

#[test]
fn small_changes() {
    let delete = |name| ("DELETE /api/delete", json!({"model": name}));
    let unload =
        |name| ("POST /api/generate", json!({"model": name, "keep_alive": 0, "stream": false}));
    let generate: Reply = ("POST /api/generate", 200, "{}");
    let no_generate: Reply = ("POST /api/generate", 404, NOT_FOUND);
    let text = str::to_owned;
    check(vec![
        (
            &[("POST /api/copy", 200, "")],
            &["cp", "a", "b"],
            0,
            text("copied 'a' to 'b'\n"),
            text(""),
            vec![("POST /api/copy", json!({"source": "a", "destination": "b"}))],
        ),
        (
            &[("POST /api/copy", 404, NOT_FOUND)],
            &["cp", "x", "b"],
            3,
            text(""),
            text("error: model 'x' not found [model.missing]\n"),
            vec![("POST /api/copy", json!({"source": "x", "destination": "b"}))],
        ),
        (
            &[generate, ("DELETE /api/delete", 200, "")],
            &["rm", "a", "b"],
            0,
            text("deleted 'a'\ndeleted 'b'\n"),
            text(""),
            vec![unload("a"), delete("a"), unload("b"), delete("b")],
        ),
        (
            &[no_generate, ("DELETE /api/delete", 404, NOT_FOUND)],
            &["rm", "x"],
            3,
            text(""),
            text("error: model 'x' not found [model.missing]\n"),
            vec![unload("x"), delete("x")],
        ),
        (&[generate], &["stop", "a"], 0, text(""), text(""), vec![unload("a")]),
        (
            &[no_generate],
            &["stop", "x"],
            3,
            text(""),
            text("error: couldn't find model \"x\" to stop [model.missing]\n"),
            vec![unload("x")],
        ),
    ]);
}

#[test]
fn show() {
    let replies: &[Reply] = &[("POST /api/show", 200, SHOW)];
    let asked = || vec![("POST /api/show", json!({"model": "m", "verbose": false}))];
    let text = str::to_owned;
    check(vec![
        (replies, &["show", "m"], 0, text(SECTIONS), text(""), asked()),
        (replies, &["show", "m", "--modelfile"], 0, text("FROM x\n"), text(""), asked()),
        (replies, &["show", "m", "--system"], 0, text("Be brief.\n"), text(""), asked()),
        (replies, &["show", "m", "--template"], 0, text("{{ .Prompt }}\n"), text(""), asked()),
    ]);
}

#[test]
fn transfers() {
    let body = json!({"model": "m", "insecure": false});
    let secure = json!({"model": "m", "insecure": true});
    let text = str::to_owned;
    let no_space = "pulling manifest\nerror: no space [server.error]\n";
    let short = "pulling manifest\n";
    let (run, _) =
        at(&[("POST /api/pull", 200, "{\"status\":\"pulling manifest\"}\n")], &["pull", "m"], "");
    assert_eq!((run.code, run.stderr.starts_with(short)), (Some(6), true), "{}", run.stderr);
    assert!(run.stderr.contains("broke off"), "{}", run.stderr);
    check(vec![
        (
            &[("POST /api/pull", 200, PULLED)],
            &["pull", "m"],
            0,
            text(""),
            text(PULL_LINES),
            vec![("POST /api/pull", body.clone())],
        ),
        (
            &[("POST /api/push", 200, PULLED)],
            &["push", "--insecure", "m"],
            0,
            text(""),
            text(PULL_LINES),
            vec![("POST /api/push", secure)],
        ),
        (
            &[("POST /api/pull", 200, BROKEN)],
            &["pull", "m"],
            1,
            text(""),
            text(no_space),
            vec![("POST /api/pull", body)],
        ),
    ]);
}

#[test]
fn one_answer() {
    let show: Reply = ("POST /api/show", 200, SHOW);
    let generate: Reply = ("POST /api/generate", 200, ANSWER);
    let asked =
        |body| vec![("POST /api/show", json!({"model": "m"})), ("POST /api/generate", body)];
    let text = str::to_owned;
    let warning = "warning: the conversation is longer than the context, so 3 tokens of it were \
                   left out; a larger num_ctx keeps them\n";
    let thought = format!("Thinking...\nhm\n...done thinking.\n\n{warning}");
    let no_pipe = |args: &[&str]| at(&[show, generate], args, "");
    let (run, requests) = at(&[show, generate], &["run", "m", "ask", "--hidethinking"], "piped");
    assert_eq!((run.text(), run.stderr.as_str()), ("Hello you", warning));
    assert_eq!(requests[1].body, json!({"model": "m", "prompt": "piped ask"}));
    assert_eq!(no_pipe(&["run", "m"]).0.code, Some(2), "neither a prompt nor a pipe");
    let flags = [
        "run",
        "m",
        "hi",
        "--format",
        "json",
        "--think=low",
        "--keepalive",
        "10m",
        "--system",
        "s",
        "--temperature",
        "0.1",
        "-n",
        "5",
        "--ctx",
        "64",
        "--verbose",
        "--hidethinking",
    ];
    let body = json!({
        "model": "m", "prompt": "hi", "format": "json", "think": "low", "keep_alive": "10m",
        "system": "s", "options": {"temperature": 0.1, "num_predict": 5, "num_ctx": 64},
    });
    let mut pulled = vec![
        ("POST /api/show", json!({"model": "m"})),
        ("POST /api/pull", json!({"model": "m", "insecure": false})),
    ];
    pulled.extend(asked(json!({"model": "m", "prompt": "hi"})));
    let missing: &[Reply] =
        &[("POST /api/show", 404, NOT_FOUND), show, ("POST /api/pull", 200, PULLED), generate];
    let hi = json!({"model": "m", "prompt": "hi"});
    let fails: &[Reply] = &[show, ("POST /api/generate", 200, BROKEN)];
    check(vec![
        (
            &[show, generate],
            &["run", "m", "hi"],
            0,
            text("Hello you"),
            thought.clone(),
            asked(hi.clone()),
        ),
        (
            &[show, generate],
            &flags,
            0,
            text("Hello you"),
            format!("{warning}{FIGURES}"),
            asked(body),
        ),
        (
            missing,
            &["run", "m", "hi"],
            0,
            text("Hello you"),
            format!("{PULL_LINES}{thought}"),
            pulled,
        ),
        (
            fails,
            &["run", "m", "hi"],
            1,
            text(""),
            text("error: no space [server.error]\n"),
            asked(hi),
        ),
    ]);
}

#[test]
fn create_uploads_what_is_not_there() {
    let scratch = Scratch::new();
    let _weights = scratch.write("weights.gguf", b"weights");
    let text = b"FROM ./weights.gguf\nSYSTEM be brief\nPARAMETER stop a\nPARAMETER stop b\n\
                 MESSAGE user hi\n";
    let file = scratch.write("Modelfile", text).to_str().unwrap().to_owned();
    let digest = "sha256:9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c";
    let head: &'static str = format!("HEAD /api/blobs/{digest}").leak();
    let post: &'static str = format!("POST /api/blobs/{digest}").leak();
    let create: Reply = ("POST /api/create", 200, "{\"status\":\"success\"}\n");
    let body = json!({
        "model": "new", "quantize": "Q4_K_M", "system": "be brief",
        "parameters": {"stop": ["a", "b"]},
        "messages": [{"role": "user", "content": "hi"}], "files": {"weights.gguf": digest},
    });
    for (status, uploads) in [(200, false), (404, true)] {
        let replies = [(head, status, ""), (post, 201, ""), create];
        let args = ["create", "new", "-f", &file, "-q", "Q4_K_M"];
        let (run, asked) = at(&replies, &args, "");
        assert_eq!(run.text(), "", "{}", run.stderr);
        let mut wanted = vec![Asked { what: head.into(), body: json!("") }];
        wanted.extend(uploads.then(|| Asked { what: post.into(), body: json!("weights") }));
        wanted.push(Asked { what: "POST /api/create".into(), body: body.clone() });
        assert_eq!(asked, wanted);
    }
    let (run, asked) = at(&[create], &["create", "new", "-f", "-"], "FROM llama3.2:1b\n");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), "success\n"));
    assert_eq!(asked[0].body, json!({"model": "new", "from": "llama3.2:1b"}));
}

#[test]
fn what_cannot_be_done_is_one_sentence() {
    let scratch = Scratch::new();
    let empty = scratch.path("").to_str().unwrap().to_owned();
    let models = ("OLLAMA_MODELS", empty.as_str());
    // Port 9 of this machine: nobody listens there, and nobody may begin to by chance.
    let nobody = ("OLLAMA_HOST", "127.0.0.1:9");
    let unreachable = "could not connect to a running ingle or Ollama server at 127.0.0.1:9, start \
                       one with 'ingle serve'";
    let rows: [(&[&str], i32, &str); 13] = [
        (&["list"], 9, unreachable),
        (&["run", "m", "hi"], 9, unreachable),
        (&["pull", "m"], 9, unreachable),
        (&["run", "m", "hi", "--device", "cpu"], 2, "--device"),
        (&["run", "m", "hi", "--keepalive", "soon"], 2, "--keepalive"),
        (&["run", "m", "hi", "--think=hard"], 2, "hard"),
        (&["run", "m.gguf", "hi", "--keepalive", "1m"], 2, "this is a file"),
        (&["show", "m", "--license", "--system"], 2, "--license"),
        (&["create", "m", "-f", "no-such-file"], 3, "no-such-file"),
        (&["save", "a:b:c:d", "-o", "x"], 2, "a:b:c:d"),
        (&["save", "m", "-o", "/no/such/folder/x"], 1, "/no/such/folder/x"),
        (&["load", "no-such-file"], 3, "no-such-file"),
        (&["verify", "m"], 3, "not found"),
    ];
    for (args, code, about) in rows {
        let run = ingle_env(args, &[nobody, models], b"");
        assert_eq!(run.code, Some(code), "{args:?} {}", run.stderr);
        assert_eq!(run.stdout, b"", "{args:?}");
        assert!(run.stderr.starts_with("error: ") && run.stderr.contains(about), "{}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    }
    let (run, _) = at(&[("GET /api/tags", 500, "<html>")], &["list"], "");
    assert_eq!(run.code, Some(6));
    assert!(run.stderr.contains("no ingle or Ollama server"), "{}", run.stderr);
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let run = ingle_env(&["completions", shell], &[], b"");
        for word in ["run", "pull", "verify", "completions"] {
            assert!(run.text().contains(word), "{shell} {word}");
        }
    }
    let verbs = "pull push list ls ps stop cp rm create save load verify completions run show";
    for verb in verbs.split(' ') {
        let run = ingle_env(&[verb, "--help"], &[], b"");
        assert!(run.text().contains("Examples:"), "{verb}");
    }
}
