//! What commands that measure a model have in common: the model, the text, and what is said
//! meanwhile.

mod watch;

use std::io::Read;
use std::path::Path;

use engine::{Opened, Session};
use kernels::Plan;

use crate::args::{Device, LoadArgs};
use crate::failure::Failure;
use crate::{load, settings, source};

pub use watch::Progress;

/// Bytes of the largest text: it is in memory as a whole, and so are its tokens.
const MAX_TEXT: u64 = 256 << 20;

/// What is measured has the CPU's bits, on every machine the same; a GPU, whose drivers round as
/// they like, is taken where it is asked for.
pub fn on_cpu_unless_asked(load: &LoadArgs) -> LoadArgs {
    let device = match load.device {
        Device::Auto if load.gpu_layers.is_none() => Device::Cpu,
        device => device,
    };
    LoadArgs { device, ..load.clone() }
}

/// A file, a folder or a stored model, understood.
pub fn open(model: &Path) -> Result<Opened, Failure> {
    let found = super::quantize::open(model)?;
    engine::open(found.gguf).map_err(|error| Failure::model(model, error))
}

/// Loads it for windows of `n_ctx` tokens; gives the Plan, too.
pub fn load(opened: Opened, args: &LoadArgs, n_ctx: usize) -> Result<(Session, Plan), Failure> {
    let args = LoadArgs { ctx: Some(n_ctx), ..args.clone() };
    let config = settings::player_config(&args, &opened)?;
    let plan = opened.model.plan.clone();
    Ok((load::load_opened(opened, &args, config)?, plan))
}

/// The text in a file, or of standard input, without one line break at its end: editors add it.
pub fn text(path: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        let what = "standard input";
        let input = std::io::stdin().lock().take(MAX_TEXT + 1).read_to_end(&mut bytes);
        input.map_err(|source| Failure::Input { what, source })?;
    } else {
        use gguf::ByteSource;
        let refuse = |reason: String| Failure::File { path: path.to_owned(), reason };
        let file = source::open_regular(path).map_err(refuse)?;
        bytes.resize(file.len().min(MAX_TEXT + 1) as usize, 0);
        file.read_at(0, &mut bytes).map_err(|error| refuse(error.to_string()))?;
    }
    let refuse = |reason: &str| Failure::File { path: path.to_owned(), reason: reason.to_owned() };
    if bytes.len() as u64 > MAX_TEXT {
        return Err(refuse("a text of more than 256 MB is not measured; give a part of it"));
    }
    let text = String::from_utf8(bytes);
    let mut text = text.map_err(|_| refuse("it is no text in UTF-8; convert it first"))?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

/// The name of a text without its folders, which are nobody's business.
pub fn text_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Where and when numbers are made, for the captions of pages.
pub fn made() -> engine::bench::About {
    let system = format!("{} {}", std::env::consts::OS, std::env::consts::ARCH);
    engine::bench::About {
        host: format!("ingle {}, {system}", env!("CARGO_PKG_VERSION")),
        date: chrono::Local::now().format("%Y-%m-%d %H:%M").to_string(),
    }
}
