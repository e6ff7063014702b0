//! Commands of the conversation: what a line that begins with `/` means.
//!
//! Pure: text and state in, an action out, so that every command is tested without a terminal.

use chat::Message;

use crate::settings::{self, Style};

/// What the conversation remembers.
pub struct State {
    pub style: Style,
    pub system: Option<String>,
    pub verbose: bool,
    /// Turns so far, without the system message.
    pub messages: Vec<Message>,
}

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    Nothing,
    /// It is a question for the model.
    Ask,
    Print(String),
    Info,
    Template,
    Leave,
}

const HELP: &str = "\
/set NAME VALUE   temperature, top_k, top_p, min_p, typical_p, seed, num_predict,
                  repeat_penalty, presence_penalty, frequency_penalty, stop, system
/set verbose      figures after each answer (/set quiet: none)
/show             settings; /show info, /show system, /show template
/clear            begin a new conversation
/bye              leave (also Ctrl-D)
\"\"\"               begins and ends a message of several lines
Ctrl-C            stops the answer";

/// What `line` means; settings change here, everything else is the caller's.
pub fn interpret(line: &str, state: &mut State) -> Action {
    let Some(command) = line.strip_prefix('/') else {
        return if line.trim().is_empty() { Action::Nothing } else { Action::Ask };
    };
    let (name, rest) = split(command);
    match name {
        "bye" | "exit" | "quit" => Action::Leave,
        "help" | "?" => Action::Print(HELP.to_owned()),
        "clear" => {
            state.messages.clear();
            Action::Print("a new conversation begins".to_owned())
        }
        "set" => Action::Print(set(rest, state).unwrap_or_else(|said| said)),
        "show" => show(rest, state),
        _ => Action::Print(format!("there is no command /{name}; /help lists them")),
    }
}

fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    text.split_once(char::is_whitespace).map_or((text, ""), |(a, b)| (a, b.trim()))
}

fn show(what: &str, state: &State) -> Action {
    match what {
        "info" => Action::Info,
        "template" => Action::Template,
        "system" => Action::Print(state.system.clone().unwrap_or_else(|| "no system text".into())),
        _ => {
            let (style, s) = (&state.style, &state.style.sampling);
            let seed = style.seed.map_or_else(|| "random".into(), |seed| seed.to_string());
            let limit = style.max_tokens.map_or_else(|| "none".into(), |max| max.to_string());
            Action::Print(format!(
                "temperature {}  top_k {}  top_p {}  min_p {}  typical_p {}\nrepeat_penalty {}  \
                 presence_penalty {}  frequency_penalty {}\nseed {seed}  num_predict {limit}  \
                 stop {:?}",
                s.temperature,
                s.top_k,
                s.top_p,
                s.min_p,
                s.typical_p,
                s.repeat_penalty,
                s.presence_penalty,
                s.frequency_penalty,
                style.stop,
            ))
        }
    }
}

/// `Ok` says what was set, `Err` what is wrong; after an error nothing has changed.
fn set(rest: &str, state: &mut State) -> Result<String, String> {
    let (mut name, mut value) = split(rest);
    if name == "parameter" {
        (name, value) = split(value);
    }
    match name {
        "verbose" => state.verbose = true,
        "quiet" => state.verbose = false,
        "system" => {
            state.system = (!value.is_empty()).then(|| value.trim_matches('"').to_owned());
        }
        "" => return Err("what shall be set? /help lists the names".to_owned()),
        _ => {
            let mut style = state.style.clone();
            let before = set_style(name, value, &mut style)?;
            let probe = style.request(engine::Prompt::Tokens(Vec::new()));
            probe.check().map_err(|error| error.to_string())?;
            state.style = style;
            return Ok(format!("{name} {value} (was {before})"));
        }
    }
    Ok(format!("{name} is set"))
}

/// Changes one setting and gives its old value.
fn set_style(name: &str, value: &str, style: &mut Style) -> Result<String, String> {
    let s = &mut style.sampling;
    let field = match name {
        "temperature" => &mut s.temperature,
        "top_p" => &mut s.top_p,
        "min_p" => &mut s.min_p,
        "typical_p" => &mut s.typical_p,
        "repeat_penalty" => &mut s.repeat_penalty,
        "presence_penalty" => &mut s.presence_penalty,
        "frequency_penalty" => &mut s.frequency_penalty,
        _ => return set_whole(name, value, style),
    };
    Ok(std::mem::replace(field, number(name, value)?).to_string())
}

fn set_whole(name: &str, value: &str, style: &mut Style) -> Result<String, String> {
    match name {
        "top_k" => {
            Ok(std::mem::replace(&mut style.sampling.top_k, number(name, value)?).to_string())
        }
        "seed" => {
            let seed = settings::seed(Some(number(name, value)?)).map_err(|e| e.to_string())?;
            let before = std::mem::replace(&mut style.seed, seed);
            Ok(before.map_or_else(|| "random".to_owned(), |seed| seed.to_string()))
        }
        "num_predict" => {
            let max = settings::max_tokens(Some(number(name, value)?));
            let before = std::mem::replace(&mut style.max_tokens, max);
            Ok(before.map_or_else(|| "no limit".to_owned(), |max| max.to_string()))
        }
        "stop" => {
            let stop = if value.is_empty() { vec![] } else { vec![value.to_owned()] };
            Ok(format!("{:?}", std::mem::replace(&mut style.stop, stop)))
        }
        _ => Err(format!("there is no setting '{name}'; /help lists them")),
    }
}

fn number<T: std::str::FromStr>(name: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{name} needs a number, and '{value}' is none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let style = Style {
            sampling: engine::default_sampling(),
            seed: None,
            max_tokens: None,
            stop: vec![],
            ignore_eos: false,
        };
        State { style, system: None, verbose: false, messages: vec![Message::new("user", "hi")] }
    }

    #[test]
    fn lines_and_what_they_ask() {
        let mut state = state();
        assert_eq!(interpret("  ", &mut state), Action::Nothing);
        assert_eq!(interpret("hello /bye", &mut state), Action::Ask);
        assert_eq!(interpret("/bye", &mut state), Action::Leave);
        assert_eq!(interpret("/show info", &mut state), Action::Info);
        assert!(matches!(interpret("/?", &mut state), Action::Print(text) if text == HELP));
        assert!(matches!(interpret("/nope", &mut state), Action::Print(t) if t.contains("/nope")));
        interpret("/clear", &mut state);
        assert!(state.messages.is_empty());
    }

    #[test]
    fn settings_change_and_wrong_ones_do_not() {
        let mut state = state();
        let said = interpret("/set temperature 0.2", &mut state);
        assert_eq!(said, Action::Print("temperature 0.2 (was 0.8)".to_owned()));
        interpret("/set parameter top_k 7", &mut state);
        interpret("/set seed 5", &mut state);
        interpret("/set num_predict 9", &mut state);
        interpret("/set system \"be brief\"", &mut state);
        interpret("/set verbose", &mut state);
        for wrong in [
            "/set temperature warm",
            "/set top_p 3",
            "/set color red",
            "/set",
            "/set \
                       temperature -1",
        ] {
            assert!(matches!(interpret(wrong, &mut state), Action::Print(_)), "{wrong}");
        }
        assert_eq!((state.style.sampling.temperature, state.style.sampling.top_k), (0.2, 7));
        assert_eq!(state.style.sampling.top_p, 0.9);
        assert_eq!((state.style.seed, state.style.max_tokens), (Some(5), Some(9)));
        assert_eq!((state.system.as_deref(), state.verbose), (Some("be brief"), true));
    }
}
