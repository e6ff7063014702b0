//! `ingle run NAME` in a terminal, key by key: the conversation, its commands, and the ways to stop
//! and to leave.
#![cfg(unix)]

use std::process::Command;

use rexpect::process::WaitStatus;
use rexpect::session::{PtySession, spawn_command};
use serde_json::json;
use tests::scratch::Scratch;

use crate::server::{PATIENCE, Server, command};

/// A conversation in a terminal of its own.
struct Terminal(PtySession);

/// Ctrl with these letters.
const INTERRUPT: char = 'c';
const END: char = 'd';

impl Terminal {
    /// Begins to talk to `tiny` at a server, in a terminal without editing of lines; what
    /// is typed is not echoed.
    fn run(server: &Server, scratch: &Scratch, more: &[&str]) -> Terminal {
        Terminal::run_in("dumb", server, scratch, more)
    }

    /// The same in a terminal of another kind; `xterm` lets lines be edited, and redraws them.
    fn run_in(kind: &str, server: &Server, scratch: &Scratch, more: &[&str]) -> Terminal {
        let address = server.address.to_string();
        let mut run: Command = command(scratch, &[("OLLAMA_HOST", &address), ("TERM", kind)]);
        run.args(["run", "tiny"]).args(more);
        let patience = u64::try_from(PATIENCE.as_millis()).unwrap();
        let mut terminal = Terminal(spawn_command(run, Some(patience)).unwrap());
        terminal.sees("/? for help");
        terminal.sees(">>> ");
        terminal
    }

    /// Types a line.
    fn types(&mut self, line: &str) {
        self.0.send_line(line).unwrap();
    }

    fn presses(&mut self, key: char) {
        self.0.send_control(key).unwrap();
    }

    /// Waits until this is shown; gives what came before it.
    fn sees(&mut self, text: &str) -> String {
        self.0.exp_string(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
    }

    /// Types a line, and gives what is shown until the next prompt.
    fn says(&mut self, line: &str) -> String {
        self.types(line);
        self.sees(">>> ")
    }

    /// Waits until an answer has begun.
    fn sees_something(&mut self) {
        self.0.exp_regex(r"\S").unwrap();
    }

    /// Waits for the end; gives the exit code.
    fn leaves(mut self) -> i32 {
        self.0.exp_eof().unwrap();
        match self.0.process().wait().unwrap() {
            WaitStatus::Exited(_, code) => code,
            other => panic!("{other:?}"),
        }
    }
}

fn start() -> (Server, Scratch) {
    let server = Server::start(&[]);
    server.load("tiny");
    (server, Scratch::new())
}

#[test]
fn commands_of_the_conversation() {
    let (server, scratch) = start();
    let mut terminal = Terminal::run(&server, &scratch, &["--temperature", "0"]);
    let rows = [
        ("/?", "/load NAME"),
        ("/? set", "/set parameter NAME VALUE"),
        ("/? shortcuts", "Ctrl-D"),
        ("/help show", "/show modelfile"),
        ("/set parameter num_predict 6", "num_predict 6 (was the model's own)"),
        ("/set parameter num_predict 5", "num_predict 5 (was 6)"),
        ("/set parameter num_predict many", "invalid int value"),
        ("/set temperature 0.0", "temperature 0.0 (was 0"),
        ("/set system Be brief.", "system is set"),
        ("/set nonsense", "a parameter needs a name and a value"),
        ("/set format xml", "the only format is json"),
        ("/show", "/show template"),
        ("/show info", "architecture"),
        ("/show system", "Be brief."),
        ("/show parameters", "num_predict 5"),
        ("/show modelfile", "FROM "),
        ("/show template", "im_start"),
        ("/show license", "no license"),
        ("/list", "tiny:latest"),
        ("/load", "needs a name"),
        ("/load none", "model 'none' not found"),
        ("/frob", "there is no command /frob"),
        ("hello", "(stopped at the length limit)"),
        ("/set verbose", "verbose is set"),
        ("hello", "eval count:           5 token(s)"),
        ("/set quiet", "quiet is set"),
        ("/save mine", "created new model 'mine'"),
        ("/list", "mine:latest"),
        ("/clear", "a new conversation begins"),
        ("/load mine", "mine"),
        ("/show system", "Be brief."),
        ("/show modelfile", "MESSAGE user"),
    ];
    for (line, wanted) in rows {
        let shown = terminal.says(line);
        assert!(shown.contains(wanted), "{line}: {shown:?}");
    }
    terminal.types("/bye");
    assert_eq!(terminal.leaves(), 0);
    // What was talked about is in the model that was saved.
    let shown = server.post("/api/show", &json!({ "model": "mine" })).json();
    let messages = shown["messages"].as_array().unwrap();
    assert_eq!((messages.len(), &messages[0]["content"]), (4, &json!("hello")), "{shown}");
    assert!(shown["parameters"].as_str().unwrap().contains("num_predict"), "{shown}");
}

#[test]
fn several_lines_and_lines_from_before() {
    let (server, scratch) = start();
    let mut terminal =
        Terminal::run_in("xterm", &server, &scratch, &["--temperature", "0", "-n", "4"]);
    terminal.types("\"\"\"/bye is no command here");
    terminal.sees("... ");
    terminal.types("and this is");
    terminal.sees("... ");
    terminal.types("the end\"\"\"");
    terminal.sees("length limit");
    terminal.sees(">>> ");
    // A line that is not to be kept is not; others are there for the next time.
    terminal.types("/set nohistory");
    terminal.sees("nohistory is set");
    terminal.sees(">>> ");
    terminal.types("a secret");
    terminal.sees("length limit");
    terminal.sees(">>> ");
    terminal.presses(END);
    assert_eq!(terminal.leaves(), 0);
    let mut terminal = Terminal::run_in("xterm", &server, &scratch, &["-n", "4"]);
    // Ctrl-P is the arrow up.
    terminal.presses('p');
    terminal.sees("/set nohistory");
    terminal.presses('p');
    terminal.sees("/bye is no command here");
    terminal.presses(INTERRUPT);
    terminal.sees("Ctrl-D or /bye leaves");
    terminal.sees(">>> ");
    terminal.presses(END);
    assert_eq!(terminal.leaves(), 0);
}

#[test]
fn an_answer_is_stopped_and_the_conversation_goes_on() {
    let (server, scratch) = start();
    let mut terminal = Terminal::run(&server, &scratch, &["--temperature", "0"]);
    for _ in 0..2 {
        terminal.types("hello");
        terminal.sees_something();
        // It writes; then it is enough.
        std::thread::sleep(std::time::Duration::from_millis(500));
        terminal.presses(INTERRUPT);
        terminal.sees(">>> ");
        // Twice within two seconds would leave.
        std::thread::sleep(std::time::Duration::from_millis(2100));
    }
    terminal.says("/set parameter num_predict 3");
    assert!(terminal.says("hello").contains("length limit"));
    assert!(terminal.says("hello").contains("length limit"));
    terminal.types("/exit");
    assert_eq!(terminal.leaves(), 0);
    // The server writes for nobody.
    server.load("tiny");
    let mut terminal = Terminal::run(&server, &scratch, &[]);
    terminal.types("hello");
    terminal.sees_something();
    std::thread::sleep(std::time::Duration::from_millis(300));
    terminal.presses(INTERRUPT);
    terminal.sees(">>> ");
    terminal.presses(END);
    assert_eq!(terminal.leaves(), 0);
}
