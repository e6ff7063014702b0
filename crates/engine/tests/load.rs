//! Loading: every byte once, bounded memory, and files that fail half-way.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use common::*;
use engine::Error;
use gguf::{ByteSource, Gguf, SourceError};
use kernels::{KvType, Plan, PlayerConfig};

const CONFIG: PlayerConfig = PlayerConfig { n_ctx: 32, n_slots: 1, kv: KvType::F32, n_threads: 1 };

/// A file that can be told to fail, for one thread or for several.
struct Fragile {
    bytes: Vec<u8>,
    broken: Arc<AtomicBool>,
    is_shared: bool,
}

impl ByteSource for Fragile {
    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<(), SourceError> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(SourceError::new("gone"));
        }
        self.bytes.as_slice().read_at(offset, buf)
    }

    fn shared(&self) -> Option<&(dyn ByteSource + Sync)> {
        self.is_shared.then_some(self)
    }
}

#[test]
fn progress_ends_with_everything_and_can_stop_it() {
    let fake = Fake::default();
    let mut seen = Vec::new();
    let opened = engine::open(gguf(None)).unwrap();
    let total = opened.info().weight_bytes;
    let make = |plan: &Plan, config| Ok(fake.loader(plan, config));
    let progress = |done, total| {
        seen.push((done, total));
        ControlFlow::Continue(())
    };
    let session = block_on(opened.load(CONFIG, make, env(), progress)).unwrap();
    assert_eq!(seen.last(), Some(&(total, total)));
    assert!(seen.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert_eq!(session.model_info().architecture, "llama");
    assert!(session.load_ms() > 0.0);

    let opened = engine::open(gguf(None)).unwrap();
    let make = |plan: &Plan, config| Ok(fake.loader(plan, config));
    let stopped = block_on(opened.load(CONFIG, make, env(), |_, _| ControlFlow::Break(())));
    assert!(matches!(stopped.err(), Some(Error::LoadCancelled)));
}

#[test]
fn a_file_that_goes_away_is_named() {
    // Every share of the file: pieces that are read here and pieces that the loader reads.
    for (is_shared, share) in [(false, 2), (true, 2), (true, 3), (true, 4), (true, 5)] {
        let broken = Arc::new(AtomicBool::new(false));
        let source = Fragile { bytes: model_file(None), broken: broken.clone(), is_shared };
        let opened = engine::open(Gguf::open(Box::new(source)).unwrap()).unwrap();
        let fake = Fake::default();
        let make = |plan: &Plan, config| Ok(fake.loader(plan, config));
        let progress = |done, total| {
            broken.store(done > total / share, Ordering::Relaxed);
            ControlFlow::Continue(())
        };
        let error = block_on(opened.load(CONFIG, make, env(), progress)).err().unwrap();
        let named = |tensor: &str| tensor.starts_with("blk.");
        assert!(matches!(&error, Error::Read { tensor, .. } if named(tensor)), "{error}");
        assert!(error.to_string().contains("load it again"), "{error}");
    }
}

#[test]
fn a_context_without_room_is_refused() {
    let opened = engine::open(gguf(None)).unwrap();
    let fake = Fake::default();
    let make = |plan: &Plan, config| Ok(fake.loader(plan, config));
    let config = PlayerConfig { n_ctx: 1, ..CONFIG };
    let error = block_on(opened.load(config, make, env(), |_, _| ControlFlow::Continue(()))).err();
    assert!(matches!(error, Some(Error::Setting { .. })));
}

#[test]
fn the_default_context_is_bounded_by_training() {
    assert_eq!(engine::open(gguf(None)).unwrap().default_n_ctx(), 4096);
}
