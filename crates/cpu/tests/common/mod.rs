//! What the tests of this crate share: files into players, players into tokens and logits.
#![allow(dead_code, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs::File;
#[cfg(not(unix))]
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::task::{Context, Waker};

use gguf::{ByteSource, Gguf, SourceError};
use kernels::{Input, Job, LOAD_ROWS, Loader, Plan, Player, Want, WeightId};

/// A file read by position.
pub struct FileSource {
    file: File,
    len: u64,
    /// For systems whose reads move a position that all threads share.
    lock: Mutex<()>,
}

impl FileSource {
    pub fn open(path: &Path) -> Self {
        let file = File::open(path).unwrap();
        let len = file.metadata().unwrap().len();
        FileSource { file, len, lock: Mutex::new(()) }
    }
}

impl ByteSource for FileSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_exact_at(&self.file, buf, offset);
        #[cfg(not(unix))]
        let read = {
            let _alone = self.lock.lock().unwrap();
            let mut file = &self.file;
            file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(buf))
        };
        read.map_err(|e| SourceError::new(e.to_string()))
    }

    fn shared(&self) -> Option<&(dyn ByteSource + Sync)> {
        Some(self)
    }
}

/// The folder of fixtures, or `None` with a line that says so.
pub fn fixtures(test: &str) -> Option<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = std::env::var_os("INGLE_FIXTURES")
        .map_or_else(|| here.join("../../../shared/fixtures"), PathBuf::from);
    if folder.join("models").is_dir() {
        Some(folder)
    } else {
        println!("SKIPPED {test}: no fixtures");
        None
    }
}

/// Bytes of a piece, as the engine has them.
const PIECE_BYTES: usize = 16 << 20;

/// Reads every weight of the plan from the file into the loader, as the engine does.
pub fn fill(gguf: &Gguf, plan: &Plan, loader: Box<dyn Loader>) -> Box<dyn Player> {
    fill_by(gguf, plan, loader, true)
}

/// As [`fill`]; `pulls` lets the loader read.
pub fn fill_by(
    gguf: &Gguf,
    plan: &Plan,
    mut loader: Box<dyn Loader>,
    pulls: bool,
) -> Box<dyn Player> {
    for (i, weight) in plan.weights.iter().enumerate() {
        let info = gguf.tensor(&weight.name).unwrap();
        let row_bytes = weight.row_bytes();
        let at = |row: usize| ((weight.first_row + row) * row_bytes) as u64;
        let step = LOAD_ROWS * (PIECE_BYTES / (row_bytes * LOAD_ROWS)).max(1);
        for row in (0..weight.n_rows).step_by(step) {
            let rows = row..weight.n_rows.min(row + step);
            let reader = gguf.shared_tensor(info).filter(|_| pulls);
            let pulled = reader.is_some_and(|reader| {
                let read = |row: usize, buf: &mut [u8]| reader.read(at(row), buf).is_ok();
                loader.pull(WeightId(i), rows.clone(), &read).unwrap()
            });
            if !pulled {
                let mut bytes = vec![0; rows.len() * row_bytes];
                gguf.read_tensor(info, at(row), &mut bytes).unwrap();
                loader.write(WeightId(i), row, &bytes).unwrap();
            }
        }
    }
    loader.finish().unwrap()
}

/// Runs a job to its end.
pub fn play(player: &mut dyn Player, job: &Job<'_>) {
    player.submit(job).unwrap();
    assert!(player.poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

/// Prefills in chunks and leaves the logits of the last token.
pub fn prefill(player: &mut dyn Player, tokens: &[u32]) {
    let chunk = player.max_rows();
    for (i, ids) in tokens.chunks(chunk).enumerate() {
        let is_last = (i + 1) * chunk >= tokens.len();
        let want = if is_last { Want::LastLogits } else { Want::Nothing };
        play(player, &Job { input: Input::Tokens(ids), place: (i * chunk).into(), want });
    }
}

/// `Σ(a − b)² / Σb²`
pub fn nmse(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
        a.iter().zip(b).map(|(&a, &b)| f(f64::from(a), f64::from(b))).sum()
    };
    sum(&|a, b| (a - b) * (a - b)) / sum(&|_, b| b * b)
}
