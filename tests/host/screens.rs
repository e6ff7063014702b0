//! What a terminal shows, in terminals of several widths and kinds: the whole screen, as a terminal
//! of our own has it at the end.

use std::num::NonZero;
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

use rexpect::session::spawn_command;

use crate::program::{ingle_env, program};
use crate::server::{Reply, Scripted};

/// Variables of the environment.
type Set = &'static [(&'static str, &'static str)];

const ROWS: u16 = 24;
/// Milliseconds for a command that answers at once.
const PATIENCE: u64 = 60_000;

/// What was shown at the end, and every byte on the way.
struct Shown {
    screen: String,
    bytes: String,
    cursor: bool,
}

/// Runs `ingle` in a terminal of this many columns and with these variables.
fn shown(columns: u16, variables: Set, host: &str, line: &str) -> Shown {
    let mut command = Command::new("sh");
    // The terminal gets its size from the first program in it.
    let script = format!("stty cols {columns} rows {ROWS}; exec \"$0\" \"$@\"");
    command.args(["-c", &script]).arg(program()).args(line.split(' '));
    for name in ["CI", "NO_COLOR", "CLICOLOR_FORCE", "LC_ALL", "LC_CTYPE", "LANG"] {
        command.env_remove(name);
    }
    command.env("TERM", "xterm").env("LANG", "C.UTF-8").env("OLLAMA_HOST", host);
    command.envs(variables.iter().copied());
    let mut session = spawn_command(command, Some(PATIENCE)).unwrap();
    // The session gives a char for each byte.
    let bytes: Vec<u8> = session.exp_eof().unwrap().chars().map(|c| c as u8).collect();
    let size = |n| NonZero::new(n).unwrap();
    let mut terminal = vt100::Parser::new(size(ROWS), size(columns), 0);
    terminal.process(&bytes);
    let bytes = String::from_utf8(bytes).unwrap();
    let screen = terminal.screen();
    let lines = screen.rows(0, columns).map(|line| line.trim_end().to_owned());
    let lines = lines.collect::<Vec<_>>().join("\n");
    Shown { screen: lines.trim_end().to_owned(), bytes, cursor: !screen.hide_cursor() }
}

const TAGS: &[Reply] = &[(
    "GET /api/tags",
    200,
    r#"{"models":[
    {"name":"hf.co/somebody/a-model-with-a-long-name-GGUF:Q4_K_M","size":1321098329,
     "modified_at":"2020-01-01T00:00:00Z",
     "digest":"baf6a787fdffd633537aa2eb51cfd54cb93ff08e28040095462bb63daf552878"},
    {"name":"qwen3:latest","modified_at":"0001-01-01T00:00:00Z","size":485,"digest":"ab"}]}"#,
)];

const WIDE: &str = "\
NAME                                                   ID              SIZE      MODIFIED
hf.co/somebody/a-model-with-a-long-name-GGUF:Q4_K_M    baf6a787fdff    1.3 GB    6 years ago
qwen3:latest                                           ab              485 B     Never";
const MIDDLE: &str = "\
NAME                                                   SIZE      MODIFIED
hf.co/somebody/a-model-with-a-long-name-GGUF:Q4_K_M    1.3 GB    6 years ago
qwen3:latest                                           485 B     Never";
const NARROW: &str = "\
NAME                              SIZE
hf.co/somebody/…me-GGUF:Q4_K_M    1.3 GB
qwen3:latest                      485 B";
const NARROW_ASCII: &str = "\
NAME                              SIZE
hf.co/somebody...e-GGUF:Q4_K_M    1.3 GB
qwen3:latest                      485 B";

/// The table as it is today: its first model is of 2020.
fn today(table: &str) -> String {
    let from = Duration::from_secs(1_577_836_800);
    let years = (UNIX_EPOCH.elapsed().unwrap() - from).as_secs() / 3600 / 24 / 365;
    table.replace("6 years", &format!("{years} years"))
}

#[test]
fn tables_fit_the_terminal() {
    let server = Scripted::start(TAGS);
    let ascii: Set = &[("LC_ALL", "C")];
    let rows: [(u16, Set, &str); 4] =
        [(200, &[], WIDE), (80, &[], MIDDLE), (40, &[], NARROW), (40, ascii, NARROW_ASCII)];
    for (columns, variables, wanted) in rows {
        let shown = shown(columns, variables, &server.address, "list");
        assert_eq!(shown.screen, today(wanted), "{columns} {variables:?}\n{:?}", shown.bytes);
    }
    // A pipe gets all of it, however narrow the terminal of the others is.
    let piped = ingle_env(&["list"], &[("OLLAMA_HOST", &server.address), ("COLUMNS", "40")], b"");
    assert_eq!(piped.text().trim_end(), today(WIDE));
}

const PULL: &[Reply] = &[(
    "POST /api/pull",
    200,
    "{\"status\":\"pulling manifest\"}\n\
     {\"status\":\"pulling aa\",\"digest\":\"sha256:aa\",\"total\":2000,\"completed\":0}\n\
     {\"status\":\"pulling aa\",\"digest\":\"sha256:aa\",\"total\":2000,\"completed\":2000}\n\
     {\"status\":\"verifying sha256 digest\"}\n\
     {\"status\":\"success\"}\n",
)];

#[test]
fn progress_fits_the_terminal() {
    let full = |n: usize, sign: &str| format!("pulling aa 100% {} 2.00 kB/2.00 kB", sign.repeat(n));
    let rows: [(u16, Set, String); 5] = [
        (40, &[], "pulling aa 100% 2.00 kB/2.00 kB".to_owned()),
        (60, &[], full(28, "█")),
        (60, &[("LC_ALL", "C")], full(28, "#")),
        (60, &[("NO_COLOR", "1")], full(28, "█")),
        (200, &[], "pulling aa 100% █".to_owned()),
    ];
    for (columns, variables, wanted) in rows {
        let server = Scripted::start(PULL);
        let shown = shown(columns, variables, &server.address, "pull x");
        let line = shown.screen.lines().next().unwrap_or_default();
        let is_right = if columns == 200 {
            line.starts_with(&wanted) && line.contains("/s about ") && line.ends_with(" left")
        } else {
            line == wanted
        };
        assert!(is_right, "{columns} {variables:?}: {:?}", shown.screen);
        assert!(line.chars().count() <= usize::from(columns));
        assert!(shown.cursor, "the cursor is there again");
        let is_ascii = variables.iter().any(|(name, _)| *name == "LC_ALL");
        assert!(!is_ascii || shown.bytes.is_ascii(), "{:?}", shown.bytes);
    }
    // Nothing that only a terminal understands where nobody looks at one.
    let logs: [Set; 2] = [&[("TERM", "dumb")], &[("CI", "true")]];
    for variables in logs {
        let server = Scripted::start(PULL);
        let shown = shown(80, variables, &server.address, "pull x");
        assert!(!shown.bytes.contains('\u{1b}'), "{variables:?} {:?}", shown.bytes);
        assert!(shown.screen.contains("pulling aa 100% of 2 KB"), "{:?}", shown.screen);
    }
}

#[test]
fn color_is_a_choice() {
    let nobody = "127.0.0.1:9";
    let red = "\u{1b}[31merror:\u{1b}[0m ";
    let dim = "\u{1b}[2m[net.refused]\u{1b}[0m";
    let rows: [(Set, &str, bool); 6] = [
        (&[], "list", true),
        (&[("NO_COLOR", "1")], "list", false),
        (&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], "list", false),
        (&[("TERM", "dumb")], "list", false),
        (&[], "list --color never", false),
        (&[("NO_COLOR", "1")], "--color always list", true),
    ];
    for (variables, line, wanted) in rows {
        let shown = shown(200, variables, nobody, line);
        let is_colored = shown.bytes.contains(red) && shown.bytes.contains(dim);
        assert_eq!(is_colored, wanted, "{variables:?} {line}: {:?}", shown.bytes);
        assert_eq!(shown.bytes.contains('\u{1b}'), wanted, "{:?}", shown.bytes);
        assert!(shown.screen.starts_with("error: could not connect"), "{:?}", shown.screen);
        assert!(shown.screen.ends_with("[net.refused]"), "{:?}", shown.screen);
    }
    let piped = |variables: &[(&str, &str)], args: &[&str]| {
        let all = [&[("OLLAMA_HOST", nobody)], variables].concat();
        ingle_env(args, &all, b"").stderr
    };
    assert!(!piped(&[], &["list"]).contains('\u{1b}'));
    assert!(piped(&[("CLICOLOR_FORCE", "1")], &["list"]).starts_with(red));
    assert!(piped(&[], &["list", "--color=always"]).starts_with(red));
}

const SHOW: Reply = ("POST /api/show", 200, r#"{"capabilities":["completion"]}"#);
const ANSWER: Reply = (
    "POST /api/generate",
    200,
    "{\"response\":\"Hello\"}\n{\"response\":\" world · and \\u001b[2J everything in it\"}\n\
     {\"response\":\"\",\"done\":true,\"done_reason\":\"stop\"}\n",
);

#[test]
fn an_answer_is_text() {
    let rows: [(u16, Set, &str); 3] = [
        (200, &[], "Hello world · and \\u{1b}[2J everything in it"),
        (40, &[], "Hello world · and \\u{1b}[2J everything\nin it"),
        (40, &[("LC_ALL", "C")], "Hello world · and \\u{1b}[2J everything\nin it"),
    ];
    for (columns, variables, wanted) in rows {
        let server = Scripted::start(&[SHOW, ANSWER]);
        let shown = shown(columns, variables, &server.address, "run x hi");
        assert_eq!(shown.screen, wanted, "{columns} {:?}", shown.bytes);
        assert!(shown.cursor);
    }
    // In a pipe it is the answer's own bytes, and nothing else.
    let server = Scripted::start(&[SHOW, ANSWER]);
    let run = ingle_env(&["run", "x", "hi"], &[("OLLAMA_HOST", &server.address)], b"");
    assert_eq!(run.text(), "Hello world · and \u{1b}[2J everything in it");
    assert_eq!(run.stderr, "");
}
