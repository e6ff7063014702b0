//! What failures are called, and with which number the process ends.
//!
//! The exit code follows from the code alone, by one table: a script that knows the one knows the
//! other. Libraries name their own errors, as the page shows them; only what the program itself
//! knows is named here.

use super::Failure;
use crate::client::ClientError;
use crate::serve::ServeError;

/// Exit code, its meaning, and the codes that end with it.
pub const EXITS: [(u8, &str, &[&str]); 11] = [
    (
        1,
        "it could not be done",
        &[
            "analyze.failed",
            "bench.incomplete",
            "engine.busy",
            "engine.device",
            "file.gone",
            "gpu.lost",
            "host.io",
            "measure.failed",
            "model.nan",
            "model.template",
            "model.unsupported",
            "quantize.failed",
            "serve.failed",
            "serve.token",
            "server.busy",
            "server.error",
            "store.failed",
            "store.locked",
        ],
    ),
    (2, "wrong use", &["host.usage", "request.invalid"]),
    (3, "there is no such model or file", &["file.missing", "model.missing"]),
    (4, "it does not fit into the memory there is, or is allowed", &["model.toobig"]),
    (5, "the context is too small", &["ctx.full"]),
    (
        6,
        "the network, or who answers there, failed",
        &[
            "net.auth",
            "net.changed",
            "net.cut",
            "net.http",
            "net.mismatch",
            "net.protocol",
            "net.stalled",
        ],
    ),
    (
        7,
        "a file or something stored is damaged, or is no file of this kind",
        &["file.type", "measure.base", "model.damaged"],
    ),
    (8, "there is no room to write", &["store.full"]),
    (9, "no server answers", &["net.refused"]),
    (
        10,
        "a bench is below the asked speed, a comparison above the threshold, or the doctor found \
         what does not work",
        &["bench.result", "doctor.result"],
    ),
    (130, "interrupted with Ctrl-C before it was done", &["aborted"]),
];

/// Of a code of the table; 1 for any other.
pub fn exit_of(code: &str) -> u8 {
    let found = EXITS.iter().find(|(_, _, codes)| codes.contains(&code));
    found.map_or(1, |(exit, ..)| *exit)
}

impl Failure {
    /// Its name for machines, the same in the page.
    pub fn code(&self) -> &'static str {
        match self {
            Failure::Engine(engine::Error::LoadCancelled) => "aborted",
            Failure::Engine(error) => error.code(),
            Failure::Model { source, .. } => source.code(),
            Failure::File { path, .. } if !path.exists() => "file.missing",
            Failure::File { .. } => "file.type",
            Failure::Input { .. } | Failure::Output { .. } | Failure::Closed => "host.io",
            Failure::Usage(_) => "host.usage",
            Failure::Locked(_) => "store.locked",
            Failure::Incomplete(_) => "bench.incomplete",
            Failure::Below(_) => "bench.result",
            Failure::Unwell(_) => "doctor.result",
            Failure::Client(error) => client_code(error),
            Failure::Serve(ServeError::Open(_)) => "serve.token",
            Failure::Serve(ServeError::Variable(_)) => "host.usage",
            Failure::Serve(_) => "serve.failed",
            Failure::Store(store::Error::Name { .. }) => "host.usage",
            Failure::Store(error) => error.code(),
            Failure::Full { .. } => "store.full",
            Failure::Quantize(error) => error.code(),
            Failure::Measure(measure::Error::Base { .. }) => "measure.base",
            Failure::Measure(_) => "measure.failed",
            Failure::Analyze(sensitivity::Error::Memory { .. }) => "model.toobig",
            Failure::Analyze(_) => "analyze.failed",
            Failure::Damaged(_) => "model.damaged",
            Failure::Interrupted => "aborted",
        }
    }
}

/// A server says its own sentence; what it is about is in the status, or beside the sentence.
fn client_code(error: &ClientError) -> &'static str {
    match error {
        ClientError::Unreachable { .. } => "net.refused",
        ClientError::Refused { code: Some(code), .. } => known(code),
        ClientError::Refused { status, .. } => match status {
            404 => "model.missing",
            401 | 403 => "net.auth",
            503 => "server.busy",
            400..500 => "request.invalid",
            _ => "server.error",
        },
        ClientError::Broken { .. } => "net.cut",
        ClientError::Protocol { .. } => "net.protocol",
        ClientError::Setup(_) | ClientError::File { .. } => "host.io",
        ClientError::Interrupted => "aborted",
    }
}

/// A code that a server says, if it is one of the table.
fn known(code: &str) -> &'static str {
    let mut all = EXITS.iter().flat_map(|(_, _, codes)| codes.iter().copied());
    all.find(|known| *known == code).unwrap_or("server.error")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_code_has_one_exit() {
        let mut all: Vec<_> = EXITS.iter().flat_map(|(_, _, codes)| codes.iter()).collect();
        let n = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), n, "a code stands in one row");
        for (exit, _, codes) in EXITS {
            assert!(codes.is_sorted(), "{exit}");
            assert!(codes.iter().all(|code| exit_of(code) == exit), "{exit}");
        }
    }

    #[test]
    fn the_readme_has_this_table() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
        for (exit, meaning, codes) in EXITS {
            let codes: Vec<_> = codes.iter().map(|code| format!("`{code}`")).collect();
            let row = format!("| {exit} | {meaning} | {} |", codes.join(" "));
            assert!(readme.contains(&row), "{row}");
        }
    }

    #[test]
    fn what_a_server_says() {
        let rows = [
            (404, None, "model.missing", 3),
            (401, None, "net.auth", 6),
            (503, None, "server.busy", 1),
            (400, None, "request.invalid", 2),
            (500, None, "server.error", 1),
            (500, Some("store.full"), "store.full", 8),
            (200, Some("net.stalled"), "net.stalled", 6),
            (200, Some("\u{1b}[2J"), "server.error", 1),
        ];
        for (status, said, code, exit) in rows {
            let said = said.map(str::to_owned);
            let error = ClientError::Refused { status, message: "no".to_owned(), code: said };
            let found = Failure::Client(error).code();
            assert_eq!((found, exit_of(found)), (code, exit), "{status}");
        }
    }
}
