//! The grammar both ways.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn commands(text: &str) -> Result<Vec<Command>, Error> {
    Modelfile::parse(text).map(|file| file.commands)
}

fn parameter(name: &str, value: &str) -> Command {
    Command::Parameter { name: name.into(), value: value.into() }
}

#[test]
fn values_are_read_as_ollama_reads_them() {
    for (value, want) in [
        ("one line", "one line"),
        ("  \t edges  \t", "edges"),
        ("\"quoted\"", "quoted"),
        ("\" edges \"", " edges "),
        ("\"\"\"a \"b\" c\"\"\"", "a \"b\" c"),
        ("\"\"\"\nlines\n\n  of it\n\"\"\"", "\nlines\n\n  of it\n"),
        ("\"over\nlines\"", "over\nlines"),
        ("\"a\" and \"b\"", "a\" and \"b"),
        ("say \"hi\"", "say \"hi\""),
        ("'single'", "'single'"),
        ("no # comment", "no # comment"),
        ("\\n no escapes", "\\n no escapes"),
        ("\"\"", ""),
        ("\"\"\"\"\"\"", ""),
        ("tab\there", "tab\there"),
        ("bell\u{7} gone", "bell gone"),
        ("👩\u{200d}👩 and\u{3000}wide", "👩\u{200d}👩 and\u{3000}wide"),
        ("\"crlf\r\nkept\"", "crlf\r\nkept"),
    ] {
        let want = vec![Command::From("m".into()), Command::System(want.into())];
        assert_eq!(commands(&format!("FROM m\nSYSTEM {value}")), Ok(want.clone()), "{value}");
        assert_eq!(commands(&format!("FROM m\nSYSTEM {value}\n")), Ok(want), "{value}");
    }
}

#[test]
fn commands_are_read() {
    let text = "\u{1}# a comment\n\n  from ./model.gguf\r\nParameter stop <|end|>\n\
                PARAMETER\ttemperature\t0.7\nparameter stop \"a b\"\nTEMPLATE {{ .Prompt }}\n\
                ADAPTER ./a\nADAPTER ./b\nLICENSE MIT\nMESSAGE user Hi: there\n\
                message  assistant \"\"\"Yo\"\"\"\nREQUIRES 0.14.0\nRENDERER r\nPARSER p\nDRAFT d";
    let want = vec![
        Command::From("./model.gguf".into()),
        parameter("stop", "<|end|>"),
        parameter("temperature", "0.7"),
        parameter("stop", "a b"),
        Command::Template("{{ .Prompt }}".into()),
        Command::Adapter("./a".into()),
        Command::Adapter("./b".into()),
        Command::License("MIT".into()),
        Command::Message { role: Role::User, text: "Hi: there".into() },
        Command::Message { role: Role::Assistant, text: "Yo".into() },
        Command::Requires("0.14.0".into()),
        Command::Renderer("r".into()),
        Command::Parser("p".into()),
        Command::Draft("d".into()),
    ];
    assert_eq!(commands(text), Ok(want));
    let file = Modelfile::parse(text).unwrap();
    assert_eq!(file.values("ADAPTER").collect::<Vec<_>>(), ["./a", "./b"]);
    assert_eq!((file.last("ADAPTER"), file.last("SYSTEM")), (Some("./b"), None));
    assert_eq!(file.messages().count(), 2);
    let stop = json!({ "stop": ["<|end|>", "a b"], "temperature": 0.7 });
    assert_eq!(file.parameters().map(Json::Object), Ok(stop));
}

#[test]
fn mistakes_have_lines_and_ollamas_words() {
    const COMMAND: &str = "command must be one of \"from\", \"license\", \"template\", \"system\", \
                           \"adapter\", \"renderer\", \"parser\", \"parameter\", \"message\", \
                           \"requires\", or \"draft\"";
    const ROLE: &str = "message role must be one of \"system\", \"user\", or \"assistant\"";
    for (text, want) in [
        ("", "no FROM line".to_owned()),
        ("# FROM m", "no FROM line".into()),
        ("SYSTEM x", "no FROM line".into()),
        ("FROM m\nBAD x", format!("(line 2): {COMMAND}")),
        ("FROM m\r\n\r\nBAD x", format!("(line 3): {COMMAND}")),
        ("FROM", "(line 1): unexpected EOF".into()),
        ("FROM\n", format!("(line 1): {COMMAND}")),
        ("FR0M m", format!("(line 1): {COMMAND}")),
        ("FROM m\nMESSAGE bot hi", format!("(line 2): {ROLE}")),
        ("FROM m\nMESSAGE User hi", format!("(line 2): {ROLE}")),
        ("FROM m\nMESSAGE user\nhi", format!("(line 2): {ROLE}")),
        ("FROM m\nSYSTEM \"open\nx", "(line 2): unexpected EOF".into()),
        ("FROM m\nSYSTEM \"\"\"x\"\n\"", "(line 2): unexpected EOF".into()),
        ("FROM m\nPARAMETER stop", "(line 2): unexpected EOF".into()),
        (
            "FROM m\nPARAMETER a-b 1",
            "(line 2): parameter names have only letters, digits and '_'".into(),
        ),
    ] {
        assert_eq!(commands(text).unwrap_err().to_string(), want, "{text}");
    }
    let long = " ".repeat(MAX_BYTES + 1);
    assert_eq!(commands(&long), Err(Error::TooLong { have: MAX_BYTES + 1 }));
}

#[test]
fn parameters_have_types() {
    for (name, value, want) in [
        ("num_ctx", "4096", Ok(json!(4096))),
        ("NUM_CTX", "-1", Ok(json!(-1))),
        ("num_ctx", "4.5", Err("invalid int value [4.5]")),
        ("temperature", "1", Ok(json!(1.0))),
        ("temperature", "0.1", Ok(json!(0.1))),
        ("temperature", "warm", Err("invalid float value [warm]")),
        ("temperature", "nan", Err("invalid float value [nan]")),
        ("use_mmap", "T", Ok(json!(true))),
        ("use_mmap", "yes", Err("invalid bool value [yes]")),
        ("mirostat", "2", Ok(json!(2))),
        ("wings", "2", Err("unknown parameter 'wings'")),
    ] {
        let file = Modelfile { commands: vec![parameter(name, value)] };
        let got = file.parameters().map_err(|e| e.to_string());
        let got = got.map(|map| map.values().next().cloned().unwrap());
        assert_eq!(got, want.map_err(str::to_owned), "{name} {value}");
    }
}

#[test]
fn encodings_are_told_by_their_mark() {
    let text = "FROM m\nSYSTEM é";
    let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let with = |mark: &[u8], rest: &[u8]| [mark, rest].concat();
    for bytes in [
        text.as_bytes().to_vec(),
        with(&[0xef, 0xbb, 0xbf], text.as_bytes()),
        with(&[0xff, 0xfe], &le),
        with(&[0xfe, 0xff], &be),
    ] {
        assert_eq!(Modelfile::read(&bytes).unwrap().last("SYSTEM"), Some("é"));
    }
    for (bytes, encoding) in [(&b"FROM \xff"[..], "UTF-8"), (&b"\xff\xfeF"[..], "UTF-16")] {
        assert_eq!(Modelfile::read(bytes), Err(Error::Encoding { encoding }));
    }
}

#[test]
fn quotes_are_as_few_as_hold_the_value() {
    for (value, want) in [
        ("plain", Ok("plain")),
        ("say \"hi\" now", Ok("say \"hi\" now")),
        (" edge", Ok("\" edge\"")),
        ("a\nb", Ok("\"a\nb\"")),
        ("\"q\"", Ok("\"\"q\"\"")),
        ("\"\nx", Ok("\"\"\"\"\nx\"\"\"")),
        ("say \"hi\"\nnow", Ok("\"\"\"say \"hi\"\nnow\"\"\"")),
        ("", Ok("")),
        ("x\"\"\"\ny\"\n", Err(Error::Unwritable { command: "SYSTEM" })),
        ("bell\u{7}", Err(Error::Unwritable { command: "SYSTEM" })),
    ] {
        let file = Modelfile { commands: vec![Command::System(value.into())] };
        let want = want.map(|want| format!("SYSTEM {want}\n"));
        assert_eq!(file.to_text(), want, "{value:?}");
    }
}

fn any_command() -> impl Strategy<Value = Command> {
    let text = prop_oneof!["[ -~\n]{0,40}", "[\"\n a]{0,12}", ".{0,40}", "[\"é\r\n\t#]{0,10}"];
    (0..11usize, text, "[a-z_0-9]{1,12}").prop_map(|(n, text, name)| match n {
        0 => Command::From(text),
        1 => Command::Template(text),
        2 => Command::System(text),
        3 => Command::Adapter(text),
        4 => Command::License(text),
        5 => Command::Parameter { name, value: text },
        6 => Command::Message { role: Role::User, text },
        7 => Command::Requires(text),
        8 => Command::Renderer(text),
        9 => Command::Parser(text),
        _ => Command::Draft(text),
    })
}

proptest! {
    #[test]
    fn what_is_written_reads_back(commands in prop::collection::vec(any_command(), 0..6)) {
        let mut file = Modelfile { commands };
        file.commands.push(Command::From("m".into()));
        if let Ok(text) = file.to_text() {
            prop_assert_eq!(Modelfile::parse(&text), Ok(file));
        }
    }

    #[test]
    fn what_was_read_can_be_written(text in "(FROM|SYSTEM|LICENSE)? ?[\" \n\ra-z\u{e9}#]{0,60}") {
        let text = format!("FROM m\n{text}");
        if let Ok(file) = Modelfile::parse(&text) {
            prop_assert_eq!(Modelfile::parse(&file.to_text().unwrap()), Ok(file));
        }
    }
}
