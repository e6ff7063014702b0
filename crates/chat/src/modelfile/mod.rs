//! Modelfiles: what a model is made of, as text.
//!
//! The grammar is the state machine of Ollama's parser, which is laxer than it looks: a value may
//! be quoted over several lines, ends at the first line end at which its quotes are balanced, and
//! knows no escapes. Writing is the other direction of the same rules: what is written reads back
//! as the same commands, or is refused ([`Error::Unwritable`]).

mod options;
mod parse;
mod write;

#[cfg(test)]
mod tests;

pub use options::{Kind, OPTIONS, OptionRow, Preset, option};
pub use parse::MAX_BYTES;

use serde_json::{Map, Value as Json};

/// Who says a message of a Modelfile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Instructions.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The role of this name, in lower case as Ollama wants it.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Role> {
        [Role::System, Role::User, Role::Assistant].into_iter().find(|role| role.name() == name)
    }

    /// `system`, `user` or `assistant`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        }
    }
}

/// One line (or more) of a Modelfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `FROM`: a model's name, a file or a folder.
    From(String),
    /// `TEMPLATE`, in Go's or Jinja's language.
    Template(String),
    /// `SYSTEM`: instructions for every conversation.
    System(String),
    /// `ADAPTER`: a file or folder with a LoRA.
    Adapter(String),
    /// `LICENSE`.
    License(String),
    /// `PARAMETER name value`.
    Parameter {
        /// Name, in the case it was written in.
        name: String,
        /// Value as text.
        value: String,
    },
    /// `MESSAGE role text`: a turn every conversation begins with.
    Message {
        /// Who says it.
        role: Role,
        /// What is said.
        text: String,
    },
    /// `REQUIRES`: the least version of Ollama.
    Requires(String),
    /// `RENDERER`: a template built into Ollama.
    Renderer(String),
    /// `PARSER`: a parser of answers built into Ollama.
    Parser(String),
    /// `DRAFT`: a small model for speculative decoding.
    Draft(String),
}

/// A Modelfile: its commands, in order, comments left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Modelfile {
    /// The commands.
    pub commands: Vec<Command>,
}

/// Why a Modelfile cannot be read, written or used. The first five have Ollama's words, which
/// clients show as they are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A line begins with something else than a command.
    #[error(
        "(line {line}): command must be one of \"from\", \"license\", \"template\", \"system\", \
         \"adapter\", \"renderer\", \"parser\", \"parameter\", \"message\", \"requires\", \
         or \"draft\""
    )]
    Command {
        /// Line in the file, from 1.
        line: usize,
    },
    /// A message's role is not known.
    #[error("(line {line}): message role must be one of \"system\", \"user\", or \"assistant\"")]
    Role {
        /// Line in the file, from 1.
        line: usize,
    },
    /// The file ends inside of a quoted value or before a value.
    #[error("(line {line}): unexpected EOF")]
    UnexpectedEof {
        /// Line of the command that is not complete, from 1.
        line: usize,
    },
    /// There is no `FROM`.
    #[error("no FROM line")]
    NoFrom,
    /// A parameter that does not exist.
    #[error("unknown parameter '{name}'")]
    UnknownParameter {
        /// Its name.
        name: String,
    },
    /// A parameter's value is of the wrong type.
    #[error("invalid {kind} value [{value}]")]
    InvalidValue {
        /// `int`, `float` or `bool`.
        kind: &'static str,
        /// The value.
        value: String,
    },
    /// The name of a parameter has characters names do not have.
    #[error("(line {line}): parameter names have only letters, digits and '_'")]
    ParameterName {
        /// Line in the file, from 1.
        line: usize,
    },
    /// The file is too long.
    #[error("the Modelfile has {have} bytes and at most {MAX_BYTES} are read; shorten it")]
    TooLong {
        /// Bytes of the file.
        have: usize,
    },
    /// The file is in no encoding that is read.
    #[error("the Modelfile is not valid {encoding} text; save it as UTF-8")]
    Encoding {
        /// What its first bytes say it is.
        encoding: &'static str,
    },
    /// A value that no quotes can hold.
    #[error(
        "the value of {command} cannot be written into a Modelfile, because it has control \
         characters or lines that end in quotation marks of both kinds; change those lines"
    )]
    Unwritable {
        /// The command's name.
        command: &'static str,
    },
}

impl Command {
    /// The command's name as it is written.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Command::From(_) => "FROM",
            Command::Template(_) => "TEMPLATE",
            Command::System(_) => "SYSTEM",
            Command::Adapter(_) => "ADAPTER",
            Command::License(_) => "LICENSE",
            Command::Parameter { .. } => "PARAMETER",
            Command::Message { .. } => "MESSAGE",
            Command::Requires(_) => "REQUIRES",
            Command::Renderer(_) => "RENDERER",
            Command::Parser(_) => "PARSER",
            Command::Draft(_) => "DRAFT",
        }
    }

    /// The command's value.
    #[must_use]
    pub fn value(&self) -> &str {
        match self {
            Command::From(value)
            | Command::Template(value)
            | Command::System(value)
            | Command::Adapter(value)
            | Command::License(value)
            | Command::Requires(value)
            | Command::Renderer(value)
            | Command::Parser(value)
            | Command::Draft(value)
            | Command::Parameter { value, .. }
            | Command::Message { text: value, .. } => value,
        }
    }
}

impl Modelfile {
    /// Reads a file's bytes: UTF-8, or UTF-16 with a byte order mark.
    ///
    /// # Errors
    /// [`Error`], with the line.
    pub fn read(bytes: &[u8]) -> Result<Modelfile, Error> {
        parse::parse(&parse::decode(bytes)?)
    }

    /// Reads a text.
    ///
    /// # Errors
    /// [`Error`], with the line.
    pub fn parse(text: &str) -> Result<Modelfile, Error> {
        parse::parse(text)
    }

    /// The file as text, one command after the other.
    ///
    /// # Errors
    /// [`Error::Unwritable`] for a value no quotes can hold.
    pub fn to_text(&self) -> Result<String, Error> {
        write::write(self)
    }

    /// The values of a command by its name (`FROM`, `ADAPTER` …), in order.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.commands.iter().filter(move |c| c.name() == name).map(Command::value)
    }

    /// The value of a command of which the last one counts.
    #[must_use]
    pub fn last(&self, name: &str) -> Option<&str> {
        self.commands.iter().rev().find(|c| c.name() == name).map(Command::value)
    }

    /// The messages every conversation begins with.
    pub fn messages(&self) -> impl Iterator<Item = (Role, &str)> {
        self.commands.iter().filter_map(|command| match command {
            Command::Message { role, text } => Some((*role, text.as_str())),
            _ => None,
        })
    }

    /// The parameters as typed options: `stop` is a list, of the others the last one counts.
    ///
    /// # Errors
    /// [`Error::UnknownParameter`], [`Error::InvalidValue`].
    pub fn parameters(&self) -> Result<Map<String, Json>, Error> {
        let mut found = Map::new();
        for command in &self.commands {
            if let Command::Parameter { name, value } = command {
                options::add(&mut found, name, value)?;
            }
        }
        Ok(found)
    }
}
