//! Commands of the conversation with a stored model: Ollama's, as far as text goes.
//!
//! Pure: text and state in, an action out, so that every command is tested without a terminal.

use chat::modelfile::{Command, Modelfile};
use serde_json::Value;

use super::state::{State, think};

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    Nothing,
    /// It is a question for the model.
    Ask,
    Print(String),
    /// Something that the server knows: `info`, `license`, …
    Show(String),
    /// Talk to another model.
    Load(String),
    /// Make a model of the conversation.
    Save(String),
    List,
    Leave,
}

const HELP: &str = "\
/set              change the conversation: /? set
/show             what the model is: /? show
/load NAME        talk to another model
/save NAME        make a model of this conversation
/list             stored models
/clear            begin a new conversation
/bye              leave (also Ctrl-D)
/? shortcuts      keys
\"\"\"               begins and ends a message of several lines
Ctrl-C            stops the answer";

const HELP_SET: &str = "\
/set parameter NAME VALUE   temperature, top_k, num_ctx, seed, stop …
/set system TEXT            what the model is told before the conversation
/set history | nohistory    keep typed lines for the next time, or not
/set wordwrap | nowordwrap  break lines at words, or not
/set format json | noformat answers in JSON, or as ever
/set verbose | quiet        figures after each answer, or none
/set think [LEVEL] | nothink";

const HELP_SHOW: &str = "\
/show info         what the model is
/show license      its license
/show modelfile    how it was made
/show parameters   its parameters and yours
/show system       what it is told before the conversation
/show template     how conversations are written for it";

const HELP_SHORTCUTS: &str = "\
Ctrl-A, Ctrl-E     begin and end of the line
Alt-B, Alt-F       a word back and forth
Ctrl-K, Ctrl-U     delete what is behind and before the cursor
Ctrl-W             delete the word before the cursor
Ctrl-L             clear the screen
Ctrl-C             stop the answer
Ctrl-D             leave";

/// What `line` means; settings change here, everything else is the caller's.
pub fn interpret(line: &str, state: &mut State) -> Action {
    let Some(command) = line.strip_prefix('/') else {
        return if line.trim().is_empty() { Action::Nothing } else { Action::Ask };
    };
    let (name, rest) = split(command);
    match name {
        "bye" | "exit" | "quit" => Action::Leave,
        "help" | "?" => Action::Print(help(rest).to_owned()),
        "clear" => {
            state.messages.clear();
            Action::Print("a new conversation begins".to_owned())
        }
        "set" => Action::Print(set(rest, state).unwrap_or_else(|said| said)),
        "show" => match rest {
            "info" | "license" | "modelfile" | "parameters" | "system" | "template" => {
                Action::Show(rest.to_owned())
            }
            _ => Action::Print(HELP_SHOW.to_owned()),
        },
        "list" => Action::List,
        "load" if !rest.is_empty() => Action::Load(rest.to_owned()),
        "save" if !rest.is_empty() => Action::Save(rest.to_owned()),
        "load" | "save" => Action::Print(format!("/{name} needs a name: /{name} NAME")),
        _ => Action::Print(format!("there is no command /{name}; /? lists them")),
    }
}

fn help(topic: &str) -> &'static str {
    match topic.trim_start_matches('/') {
        "set" => HELP_SET,
        "show" => HELP_SHOW,
        "shortcut" | "shortcuts" => HELP_SHORTCUTS,
        _ => HELP,
    }
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    text.split_once(char::is_whitespace).map_or((text, ""), |(a, b)| (a, b.trim()))
}

/// `Ok` says what was set, `Err` what is wrong; after an error nothing has changed.
fn set(rest: &str, state: &mut State) -> Result<String, String> {
    let (name, value) = split(rest);
    match name {
        "parameter" => return parameter(value, state),
        "system" if value.is_empty() => state.system = None,
        "system" => state.system = Some(value.trim_matches('"').to_owned()),
        "history" => state.remembers = true,
        "nohistory" => state.remembers = false,
        "wordwrap" => state.wraps = true,
        "nowordwrap" => state.wraps = false,
        "format" if value == "json" => state.format = Some("json".into()),
        "format" => return Err("the only format is json: /set format json".to_owned()),
        "noformat" => state.format = None,
        "verbose" => state.verbose = true,
        "quiet" => state.verbose = false,
        "think" => state.think = Some(think(value)?),
        "nothink" => state.think = Some(false.into()),
        "" => return Err(HELP_SET.to_owned()),
        // The short form of `/set parameter`.
        _ => return parameter(rest, state),
    }
    Ok(format!("{name} is set"))
}

/// Sets an option by the table that Modelfiles are read with.
fn parameter(rest: &str, state: &mut State) -> Result<String, String> {
    let (name, value) = split(rest);
    if value.is_empty() {
        return Err(format!("{HELP_SET}\n\na parameter needs a name and a value"));
    }
    let values: Vec<&str> = match name {
        "stop" => value.split_whitespace().collect(),
        _ => vec![value],
    };
    let command = |value: &&str| Command::Parameter {
        name: name.to_owned(),
        value: value.trim_matches('"').to_owned(),
    };
    let modelfile = Modelfile { commands: values.iter().map(command).collect() };
    let typed = modelfile.parameters().map_err(|error| error.to_string())?;
    let mut said = Vec::new();
    for (name, value) in typed {
        let before = state.options.insert(name.clone(), value.clone());
        let before = before.map_or_else(|| "the model's own".to_owned(), |value| plain(&value));
        said.push(format!("{name} {} (was {before})", plain(&value)));
    }
    Ok(said.join("\n"))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Message;
    use serde_json::json;

    fn state() -> State {
        State {
            model: "m".into(),
            options: Default::default(),
            system: None,
            format: None,
            think: None,
            keep_alive: None,
            raw: false,
            hides_thinking: false,
            verbose: false,
            wraps: true,
            remembers: true,
            messages: vec![Message::new("user", "hi")],
        }
    }

    #[test]
    fn lines_and_what_they_ask() {
        let print = |text: &str| Action::Print(text.to_owned());
        let rows = [
            ("  ", Action::Nothing),
            ("hello /bye", Action::Ask),
            ("/bye", Action::Leave),
            ("/exit", Action::Leave),
            ("/?", print(HELP)),
            ("/help set", print(HELP_SET)),
            ("/? /show", print(HELP_SHOW)),
            ("/? shortcuts", print(HELP_SHORTCUTS)),
            ("/show info", Action::Show("info".into())),
            ("/show", print(HELP_SHOW)),
            ("/load other:1b", Action::Load("other:1b".into())),
            ("/save", print("/save needs a name: /save NAME")),
            ("/save mine", Action::Save("mine".into())),
            ("/list", Action::List),
            ("/nope", print("there is no command /nope; /? lists them")),
        ];
        for (line, wanted) in rows {
            assert_eq!(interpret(line, &mut state()), wanted, "{line}");
        }
        let mut state = state();
        interpret("/clear", &mut state);
        assert!(state.messages.is_empty());
    }

    #[test]
    fn what_set_changes_is_in_the_next_request() {
        let rows = [
            ("/set parameter temperature 0.25", json!({"options": {"temperature": 0.25}})),
            ("/set top_k 7", json!({"options": {"top_k": 7}})),
            ("/set parameter stop a b", json!({"options": {"stop": ["a", "b"]}})),
            ("/set format json", json!({"format": "json"})),
            ("/set think", json!({"think": true})),
            ("/set think high", json!({"think": "high"})),
            ("/set nothink", json!({"think": false})),
            ("/set parameter temperature warm", json!({})),
            ("/set parameter color red", json!({})),
            ("/set format xml", json!({})),
            ("/set think hard", json!({})),
            ("/set", json!({})),
        ];
        for (line, changes) in rows {
            let mut state = state();
            assert!(matches!(interpret(line, &mut state), Action::Print(_)), "{line}");
            let mut wanted = json!({"model": "m", "prompt": "q"});
            for (name, value) in changes.as_object().into_iter().flatten() {
                wanted[name] = value.clone();
            }
            assert_eq!(state.generate_body("q"), wanted, "{line}");
        }
    }

    #[test]
    fn the_system_text_comes_first_and_is_saved() {
        let mut state = state();
        interpret("/set system \"be brief\"", &mut state);
        interpret("/set seed 5", &mut state);
        let messages = json!([
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "hi"},
            {"role": "user", "content": "q"},
        ]);
        assert_eq!(state.chat_body("q")["messages"], messages);
        let wanted = json!({
            "model": "new", "from": "m", "system": "be brief", "parameters": {"seed": 5},
            "messages": [{"role": "user", "content": "hi"}],
        });
        assert_eq!(state.create_body("new"), wanted);
        interpret("/set system", &mut state);
        assert_eq!(state.system, None);
    }
}
