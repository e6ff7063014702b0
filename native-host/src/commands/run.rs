//! `ingle run`: one answer, or a conversation; with a file here, with a stored model in [`stored`].
//!
//! A prompt on the command line or piped input gives one answer and ends; without either, a
//! conversation begins. A model without a chat template was not made for conversations, so its
//! prompt is continued as it is, as `ollama run` does with such a file; `--system` or a
//! conversation still need a form, and get the stated fallback.

use std::io::{self, IsTerminal, Read};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use chat::Message;
use engine::{Prompt, Session};

use super::{answer, embed, print_json, repl, stored, target};
use crate::args::{Format, RunArgs, StoredArgs};
use crate::client::Spawn;
use crate::failure::Failure;
use crate::settings::Style;
use crate::{load, serve, term};

/// How long a prompt on the command line waits for the first byte of piped input. Whoever starts
/// this program may leave a pipe open and never write to it; waiting for ever would be a hang.
const PIPE_PATIENCE: Duration = Duration::from_secs(1);

/// Starts a server in this process, for commands on stored models.
pub const SPAWN: Option<Spawn> =
    Some(|| Ok(Box::new(serve::native::start()?) as Box<dyn std::any::Any>));

pub fn run(args: &RunArgs) -> Result<(), Failure> {
    if let Some(name) = target::stored_name(&args.file) {
        return stored::run(name, args, SPAWN);
    }
    let StoredArgs { keepalive, insecure, nowordwrap, think, hidethinking } = &args.stored;
    if keepalive.is_some() || think.is_some() || *insecure || *nowordwrap || *hidethinking {
        let said = "--keepalive, --insecure, --nowordwrap, --think and --hidethinking are for \
                    stored models, and this is a file";
        return Err(Failure::Usage(said.to_owned()));
    }
    let style = Style::from_args(args)?;
    let prompt = args.prompt.join(" ");
    let piped = Piped::start();
    if args.format == Format::Json && piped.is_none() && prompt.is_empty() {
        let said = "--format json needs a prompt, on the command line or piped in";
        return Err(Failure::Usage(said.to_owned()));
    }
    let mut session = load::load(&args.file, &args.load)?;
    if args.verbose {
        term::note(&load::describe(&session));
        for (kernel, form) in session.player_info().kernels {
            term::note(&format!("  {kernel}: {form}"));
        }
    }
    let prompt = whole_prompt(prompt, piped)?;
    if session.model_info().is_embedder {
        let text = embed::text(&args.file.to_string_lossy(), prompt)?;
        return embed::file(&mut session, text, &args.embed);
    }
    embed::check_unused(&args.embed)?;
    let Some(text) = prompt else {
        return repl::chat(&mut session, style, args);
    };
    let request = style.request(prompt_of(&session, args, text));
    if args.format == Format::Json {
        let answer = answer::generate(&mut session, request, |_| Ok(()))?;
        return print_json(&answer.json(session.load_ms()));
    }
    let answer = answer::generate(&mut session, request, answer::show_on_stdout)?;
    if term::out_is_terminal() {
        term::line("")?;
    }
    if args.verbose {
        term::note(&answer.figures(&session));
    }
    match answer.summary.finish_reason {
        Some(engine::FinishReason::Cancelled) => Err(Failure::Interrupted),
        Some(engine::FinishReason::Context) => {
            let n_ctx = session.n_ctx();
            term::warning(&format!(
                "the context of {n_ctx} tokens is full, so the answer ends here; --ctx makes it \
                 larger"
            ));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// The form in which a single prompt goes to this model.
fn prompt_of(session: &Session, args: &RunArgs, text: String) -> Prompt {
    let template = session.template();
    let no_template = template.is_fallback() && template.source().is_empty();
    if args.raw || (no_template && args.system.is_none()) {
        if !args.raw && args.verbose {
            term::note("this model has no chat template, so the prompt is continued as it is");
        }
        return match &args.system {
            Some(system) => Prompt::Text(format!("{system}\n\n{text}")),
            None => Prompt::Text(text),
        };
    }
    warn_of_fallback(session);
    let system = args.system.iter().map(|system| Message::new("system", system));
    let user = Message::new("user", text.trim_end_matches('\n'));
    Prompt::Messages(system.chain([user]).collect())
}

/// Says so where conversations are not written as the model expects them.
pub fn warn_of_fallback(session: &Session) {
    let template = session.template();
    if let (Some(reason), Some(family)) = (template.fallback_reason(), template.fallback_family()) {
        let family = family.name();
        term::warning(&format!("{reason}; the {family} form is used and answers may be worse"));
    }
}

/// Piped input and the words of the command line; `None` if there are neither.
///
/// # Errors
/// [`Failure::Usage`] if nothing came through a pipe, [`Failure::Input`] if it cannot be read.
pub fn whole_prompt(prompt: String, piped: Option<Piped>) -> Result<Option<String>, Failure> {
    let Some(piped) = piped else {
        return Ok((!prompt.is_empty()).then_some(prompt));
    };
    let input = if prompt.is_empty() { piped.all()? } else { piped.all_if_any()? };
    match (input.is_empty(), prompt.is_empty()) {
        (true, true) => {
            let said = "there is no prompt; write one on the command line or pipe it in";
            Err(Failure::Usage(said.to_owned()))
        }
        (true, false) => Ok(Some(prompt)),
        (false, true) => Ok(Some(input)),
        (false, false) => Ok(Some(format!("{input} {prompt}"))),
    }
}

/// Standard input that is not a terminal, read while the model loads.
pub struct Piped {
    chunks: Receiver<io::Result<Vec<u8>>>,
    start: Instant,
}

impl Piped {
    /// Begins to read; `None` at a terminal.
    pub fn start() -> Option<Piped> {
        if io::stdin().is_terminal() {
            return None;
        }
        let (sender, chunks) = mpsc::channel();
        std::thread::spawn(move || {
            let mut stdin = io::stdin().lock();
            let mut chunk = vec![0; 64 << 10];
            loop {
                let read = match stdin.read(&mut chunk) {
                    // A signal, such as a window that changes its size.
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    read => read.map(|n| chunk[..n].to_vec()),
                };
                let last = !matches!(&read, Ok(bytes) if !bytes.is_empty());
                // Nobody listens any more when the answer is given already.
                if sender.send(read).is_err() || last {
                    return;
                }
            }
        });
        Some(Piped { chunks, start: Instant::now() })
    }

    fn all(self) -> Result<String, Failure> {
        self.rest(Vec::new())
    }

    /// Gives up, and says so, if nothing comes at all.
    fn all_if_any(self) -> Result<String, Failure> {
        let patience = PIPE_PATIENCE.saturating_sub(self.start.elapsed());
        match self.chunks.recv_timeout(patience) {
            Ok(Ok(bytes)) if bytes.is_empty() => Ok(String::new()),
            Ok(Ok(bytes)) => self.rest(bytes),
            Ok(Err(source)) => Err(Failure::Input { what: "standard input", source }),
            Err(RecvTimeoutError::Disconnected) => Ok(String::new()),
            Err(RecvTimeoutError::Timeout) => {
                term::note("nothing came through the pipe, so the prompt is answered alone");
                Ok(String::new())
            }
        }
    }

    fn rest(self, mut bytes: Vec<u8>) -> Result<String, Failure> {
        for chunk in self.chunks {
            let chunk =
                chunk.map_err(|source| Failure::Input { what: "standard input", source })?;
            bytes.extend_from_slice(&chunk);
        }
        String::from_utf8(bytes).map_err(|error| {
            let source = io::Error::new(io::ErrorKind::InvalidData, error.utf8_error());
            Failure::Input { what: "standard input", source }
        })
    }
}
