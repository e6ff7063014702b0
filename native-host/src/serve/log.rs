//! Where log lines go, and what they cannot do there.
//!
//! Parts of a line may come from outside: a path, a name in a registry's error. Each line is made
//! harmless as a whole, where it is written, so that no call has to remember it: what a client
//! sends can neither begin a line of its own nor move a terminal's cursor.

use std::io::{self, Write};

use tracing::level_filters::LevelFilter;

use crate::term;

/// Lines on standard error. Only one part of the program may say where logs go; if that was done
/// before, it stays so.
pub fn start(level: LevelFilter) {
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(|| Clean(io::stderr()))
        .with_ansi(false)
        .with_target(false);
    log.try_init().ok();
}

/// Takes whole lines, as the subscriber writes them.
struct Clean<W>(W);

impl<W: Write> Write for Clean<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        writeln!(self.0, "{}", term::clean(text))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_one_line() {
        let mut log = Clean(Vec::new());
        let line = "INFO GET /a\n2026 INFO forged\u{1b}[2J\u{202e} 200\n";
        assert!(log.write_all(line.as_bytes()).is_ok());
        let written = String::from_utf8_lossy(&log.0).into_owned();
        assert_eq!(written, "INFO GET /a\\u{a}2026 INFO forged\\u{1b}[2J\\u{202e} 200\n");
    }
}
