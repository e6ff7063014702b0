//! Commands of a Modelfile that only Ollama can follow are not passed over in silence.

use tests::scratch::Scratch;

use crate::models::tiny;
use crate::serve::Serve;

#[test]
fn what_a_modelfile_asks_in_vain_is_said() {
    let scratch = Scratch::new();
    let _weights = scratch.write("tiny.gguf", &tiny());
    let server = Serve::start(&scratch.path("store"));
    let rows = [
        ("REQUIRES 0.14.0", 0, "note: \"0.14.0\" is a version of Ollama and was not compared"),
        (
            "DRAFT ./tiny.gguf",
            7,
            "a draft model (DRAFT), which is not supported: leave that line out",
        ),
    ];
    for (line, code, said) in rows {
        let text = format!("FROM ./tiny.gguf\n{line}\n");
        let file = scratch.write("Modelfile", text.as_bytes());
        let run = server.ingle(&["create", "m", "-f", file.to_str().unwrap()]);
        assert_eq!(run.code, Some(code), "{line}: {}", run.stderr);
        assert!(run.stderr.contains(said), "{line}: {}", run.stderr);
    }
}
