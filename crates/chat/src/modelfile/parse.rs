//! Reads a Modelfile, character by character, in Ollama's states.
//!
//! One difference: Ollama drops every character Go calls unprintable, which includes the joiners
//! inside of emoji and the wide space of East Asian text. Here only control characters are dropped.

use super::{Command, Error, Modelfile, Role};

/// Longest Modelfile, in bytes. Licenses make them long: some hundred KiB for the longest.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A file's bytes as text, by its byte order mark.
pub(super) fn decode(bytes: &[u8]) -> Result<String, Error> {
    if bytes.len() > MAX_BYTES {
        return Err(Error::TooLong { have: bytes.len() });
    }
    let utf16 = |rest: &[u8], unit: fn([u8; 2]) -> u16, encoding| {
        let (pairs, odd) = rest.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
        let text = String::from_utf16(&units).ok().filter(|_| odd.is_empty());
        text.ok_or(Error::Encoding { encoding })
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes, "UTF-16"),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes, "UTF-16"),
        [0xef, 0xbb, 0xbf, rest @ ..] | rest => {
            let text = std::str::from_utf8(rest).map(str::to_owned);
            text.map_err(|_| Error::Encoding { encoding: "UTF-8" })
        }
    }
}

/// Where the parser stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between commands.
    Nil,
    Comment,
    Name,
    Parameter,
    Message,
    Value,
}

/// What a value belongs to.
#[derive(Clone)]
enum Target {
    Plain(&'static str),
    Parameter(String),
    Message(Role),
}

struct Parser {
    state: State,
    line: usize,
    /// Line of the current command.
    start: usize,
    word: String,
    value: Value,
    target: Target,
    commands: Vec<Command>,
}

/// The commands of a text.
pub(super) fn parse(text: &str) -> Result<Modelfile, Error> {
    if text.len() > MAX_BYTES {
        return Err(Error::TooLong { have: text.len() });
    }
    let mut parser = Parser {
        state: State::Nil,
        line: 1,
        start: 1,
        word: String::new(),
        value: Value::default(),
        target: Target::Plain(""),
        commands: Vec::new(),
    };
    let mut before = '\0';
    for c in text.chars() {
        parser.take(c)?;
        if c == '\n' || c == '\r' {
            parser.line += usize::from(!(c == '\n' && before == '\r'));
        }
        before = c;
    }
    match parser.state {
        State::Nil | State::Comment => {}
        State::Value if parser.value.is_balanced() => parser.finish(),
        _ => return Err(Error::UnexpectedEof { line: parser.start }),
    }
    let from = parser.commands.iter().any(|c| matches!(c, Command::From(_)));
    if from { Ok(Modelfile { commands: parser.commands }) } else { Err(Error::NoFrom) }
}

fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

fn is_line_end(c: char) -> bool {
    c == '\n' || c == '\r'
}

impl Parser {
    fn take(&mut self, c: char) -> Result<(), Error> {
        match self.state {
            State::Nil if c == '#' => self.state = State::Comment,
            State::Nil if is_blank(c) || is_line_end(c) || c.is_control() => {}
            State::Nil => {
                self.state = State::Name;
                self.start = self.line;
                self.word.push(c);
            }
            State::Comment if is_line_end(c) => self.state = State::Nil,
            State::Comment => {}
            State::Name if c.is_ascii_alphabetic() => self.word.push(c),
            State::Name if is_blank(c) => self.name()?,
            State::Name => return Err(Error::Command { line: self.line }),
            // The word after PARAMETER or MESSAGE; blanks before it do not count.
            State::Parameter | State::Message if is_blank(c) && self.word.is_empty() => {}
            State::Parameter if c.is_ascii_alphanumeric() || c == '_' => self.word.push(c),
            State::Parameter if is_blank(c) => {
                self.target = Target::Parameter(std::mem::take(&mut self.word));
                self.state = State::Value;
            }
            State::Parameter => return Err(Error::ParameterName { line: self.line }),
            State::Message if c.is_ascii_alphabetic() => self.word.push(c),
            State::Message if is_blank(c) => {
                let role = Role::of_name(&std::mem::take(&mut self.word));
                self.target = Target::Message(role.ok_or(Error::Role { line: self.line })?);
                self.state = State::Value;
            }
            State::Message => return Err(Error::Role { line: self.line }),
            State::Value if is_line_end(c) && self.value.is_balanced() => self.finish(),
            State::Value if is_blank(c) || is_line_end(c) || !c.is_control() => self.value.push(c),
            State::Value => {}
        }
        Ok(())
    }

    /// The name of a command is complete.
    fn name(&mut self) -> Result<(), Error> {
        const PLAIN: [&str; 9] = [
            "from", "license", "template", "system", "adapter", "renderer", "parser", "requires",
            "draft",
        ];
        let word = std::mem::take(&mut self.word).to_ascii_lowercase();
        self.state = match word.as_str() {
            "parameter" => State::Parameter,
            "message" => State::Message,
            word => {
                let known = PLAIN.iter().find(|name| **name == word);
                self.target = Target::Plain(known.ok_or(Error::Command { line: self.line })?);
                State::Value
            }
        };
        Ok(())
    }

    /// A value is complete.
    fn finish(&mut self) {
        let value = std::mem::take(&mut self.value).unquoted();
        self.state = State::Nil;
        self.commands.push(match self.target.clone() {
            Target::Parameter(name) => Command::Parameter { name, value },
            Target::Message(role) => Command::Message { role, text: value },
            Target::Plain(name) => match name {
                "from" => Command::From(value),
                "license" => Command::License(value),
                "template" => Command::Template(value),
                "system" => Command::System(value),
                "adapter" => Command::Adapter(value),
                "renderer" => Command::Renderer(value),
                "parser" => Command::Parser(value),
                "requires" => Command::Requires(value),
                _ => Command::Draft(value),
            },
        });
    }
}

const TRIPLE: &str = "\"\"\"";

/// A value as it is read, white space around it left out. Trimming as it grows keeps the question
/// whether its quotes are balanced cheap: it is asked at every line end.
#[derive(Default)]
pub(super) struct Value {
    text: String,
    /// Length up to the last character that is no white space.
    end: usize,
}

impl Value {
    pub fn push(&mut self, c: char) {
        if self.text.is_empty() && c.is_whitespace() {
            return;
        }
        self.text.push(c);
        if !c.is_whitespace() {
            self.end = self.text.len();
        }
    }

    fn trimmed(&self) -> &str {
        self.text.get(..self.end).unwrap_or_default()
    }

    /// Without quotes, or with an end for every quote.
    pub fn is_balanced(&self) -> bool {
        inside(self.trimmed()).is_some()
    }

    /// The value without its quotes.
    pub fn unquoted(self) -> String {
        let text = self.trimmed();
        inside(text).unwrap_or(text).to_owned()
    }
}

/// What stands inside of quotes, or the text itself; `None` while they are open.
fn inside(text: &str) -> Option<&str> {
    match (text.strip_prefix(TRIPLE), text.strip_prefix('"')) {
        (Some(rest), _) => rest.strip_suffix(TRIPLE),
        (None, Some(rest)) => rest.strip_suffix('"'),
        (None, None) => Some(text),
    }
}
