//! What the tests of this crate share: files into players, players into tokens and logits.
#![allow(dead_code, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::task::{Context, Waker};

use gguf::{ByteSource, Gguf, SourceError};
use kernels::{Input, Job, LOAD_ROWS, Loader, Plan, Player, Want, WeightId};

/// A file read by position.
pub struct FileSource(std::sync::Mutex<File>, u64);

impl FileSource {
    pub fn open(path: &Path) -> Self {
        let file = File::open(path).unwrap();
        let len = file.metadata().unwrap().len();
        FileSource(std::sync::Mutex::new(file), len)
    }
}

impl ByteSource for FileSource {
    fn len(&self) -> u64 {
        self.1
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        let mut file = self.0.lock().unwrap();
        let read = file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(buf));
        read.map_err(|e| SourceError::new(e.to_string()))
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

/// Reads every weight of the plan from the file into the loader.
pub fn fill(gguf: &Gguf, plan: &Plan, mut loader: Box<dyn Loader>) -> Box<dyn Player> {
    for (i, weight) in plan.weights.iter().enumerate() {
        let info = gguf.tensor(&weight.name).unwrap();
        let row_bytes = weight.row_bytes();
        let step = LOAD_ROWS * (1usize << 20).div_ceil(row_bytes * LOAD_ROWS);
        let mut bytes = vec![0; step.min(weight.n_rows) * row_bytes];
        for row in (0..weight.n_rows).step_by(step) {
            let n = step.min(weight.n_rows - row) * row_bytes;
            gguf.read_tensor(info, (row * row_bytes) as u64, &mut bytes[..n]).unwrap();
            loader.write(WeightId(i), row, &bytes[..n]).unwrap();
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
        play(player, &Job { input: Input::Tokens(ids), pos: i * chunk, want });
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
