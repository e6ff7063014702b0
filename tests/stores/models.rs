//! Models to move around: as large as a test wants, all bytes different, and stores with them.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use gguf::{Metadata, Writer};
use quant::TensorType;
use store::{FsIo, ManualClock, Name, Store};
use tests::models::Spec;
use tests::rng::Stream;

/// The store in this folder, for a moment in which no server uses it.
pub fn open(root: &Path) -> Store<FsIo, ManualClock> {
    Store::new(FsIo::new(root), ManualClock::default())
}

/// A model file of about `mib` MiB: a header and one tensor of noise.
pub fn noise(mib: u64, seed: u64) -> Vec<u8> {
    let mut metadata = Metadata::new();
    metadata.insert("general.architecture", "llama");
    metadata.insert("general.name", format!("noise {seed}"));
    let mut writer = Writer::new(metadata);
    let n = mib << 20;
    writer.tensor("a", TensorType::F32, &[64, n / 256]).unwrap();
    let mut data = writer.start(Vec::new()).unwrap();
    let stream = Stream::new(seed, "noise");
    let bytes: Vec<u8> = (0..n / 8).flat_map(|i| stream.bits(i).to_le_bytes()).collect();
    data.write_tensor("a", &bytes).unwrap();
    data.finish().unwrap()
}

/// Puts a model file into a store under this name.
pub fn import(root: &Path, name: &str, file: Vec<u8>) {
    let file: Rc<dyn gguf::ByteSource> = Rc::new(file);
    // Not by the clock's own executor: a file system wakes from a thread of its own.
    pollster::block_on(open(root).import(&name.parse().unwrap(), vec![file])).unwrap();
}

/// A model that can write, a few hundred kilobytes.
pub fn tiny() -> Vec<u8> {
    Spec::tiny("llama").bytes()
}

/// Names of the blobs of a store, which are digests of their bytes, and the bytes of all.
pub fn blobs(root: &Path) -> (Vec<PathBuf>, u64) {
    let entries = std::fs::read_dir(root.join("blobs")).unwrap().map(Result::unwrap);
    let found = entries.map(|entry| (entry.file_name().into(), entry.metadata().unwrap().len()));
    let mut found: Vec<(PathBuf, u64)> = found.collect();
    found.sort();
    let bytes = found.iter().map(|(_, len)| len).sum();
    (found.into_iter().map(|(name, _)| name).collect(), bytes)
}

/// Digest of the manifest of a name: equal ones are equal models.
pub fn digest(root: &Path, name: &str) -> String {
    let name: Name = name.parse().unwrap();
    pollster::block_on(open(root).get(&name)).unwrap().manifest.digest().to_string()
}

/// Fails unless every blob of every model is what its name says.
pub fn assert_intact(root: &Path, when: &str) {
    let report = pollster::block_on(open(root).verify(None, |_| ())).unwrap();
    assert!(report.is_good(), "{when}: {report:?}");
}
