//! Files of base logits and of importances: added up, stopped, damaged.

use gguf::ByteSource;
use measure::{Base, Cut, Error, ImportanceSettings, Windows};
use quantize::{Imatrix, ImatrixSums};
use tests::models::Spec;

use crate::{Keeper, session};

const TEXT: &str = measure::validate::TEXT;

fn cut(skip: usize, n: usize) -> Cut {
    Cut { skip, n_windows: Some(n), ..Cut::new(32) }
}

fn collected(skip: usize, n: usize, keeper: &mut Keeper) -> measure::Collected {
    let (mut session, plan) = session(Spec::tiny("llama").bytes(), 32, cpu::loader);
    let windows = Windows::new(session.tokenizer(), TEXT, cut(skip, n)).unwrap();
    let settings = ImportanceSettings {
        process_output: false,
        with_perplexity: false,
        keep_every: 100,
        dataset: "own".to_owned(),
    };
    let work = measure::collect(&mut session, &plan, &windows, &settings, keeper, |_| Ok(()));
    pollster::block_on(work).unwrap()
}

fn is_near(a: &ImatrixSums, b: &ImatrixSums) -> bool {
    let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-6 * b.abs();
    let same = a.entries.iter().zip(&b.entries).all(|((a, x), (b, y))| {
        a == b && x.counts == y.counts && x.means().iter().zip(&y.means()).all(near)
    });
    same && a.entries.len() == b.entries.len() && a.n_chunks == b.n_chunks
}

#[test]
fn parts_add_up_and_both_formats_keep_them() {
    let whole = collected(0, 4, &mut Keeper::default()).sums;
    let mut parts = collected(0, 1, &mut Keeper::default()).sums;
    parts.add(&collected(1, 3, &mut Keeper::default()).sums).unwrap();
    assert!(is_near(&parts, &whole));
    assert_eq!((whole.n_chunks, whole.chunk_size), (4, 32));
    let gguf = whole.write_gguf(Vec::new()).unwrap();
    let dat = whole.write_legacy(Vec::new()).unwrap();
    for (form, bytes) in [("gguf", &gguf), ("dat", &dat)] {
        let read = ImatrixSums::open(Box::new(bytes.clone()), 32).unwrap();
        assert!(is_near(&read, &whole), "{form}");
        assert_eq!(read.datasets, ["own"], "{form}");
        // A recipe reads what was measured.
        let imatrix = Imatrix::open(Box::new(bytes.clone()), "f").unwrap();
        let want = whole.entries["blk.1.ffn_down.weight"].means();
        let got = imatrix.get("blk.1.ffn_down.weight").unwrap();
        assert!(got.iter().zip(&want).all(|(a, b)| (a - b).abs() <= 1e-6 * b), "{form}");
    }
}

#[test]
fn what_was_stopped_keeps_whole_windows() {
    let mut keeper = Keeper { n_left: Some(2), ..Keeper::default() };
    let stopped = collected(0, 4, &mut keeper);
    assert!(!stopped.is_whole && stopped.sums.n_chunks < 4);
    let n = stopped.sums.n_chunks as usize;
    assert!(n > 0, "two jobs are more than a window of 32 tokens");
    assert!(is_near(&stopped.sums, &collected(0, n, &mut Keeper::default()).sums));
    let (mut session, _) = session(Spec::tiny("llama").bytes(), 32, cpu::loader);
    let windows = Windows::new(session.tokenizer(), TEXT, cut(0, 4)).unwrap();
    let mut keeper = Keeper { n_left: Some(1), ..Keeper::default() };
    let error = pollster::block_on(measure::perplexity(&mut session, &windows, &mut keeper));
    assert!(matches!(error, Err(Error::Cancelled)));
    // The session is as good as new.
    let mut keeper = Keeper::default();
    let again = measure::perplexity(&mut session, &windows, &mut keeper);
    assert!(pollster::block_on(again).unwrap().n() > 0);
}

#[test]
fn other_models_and_devices_are_refused() {
    let mut sums = collected(0, 1, &mut Keeper::default()).sums;
    let mut other = sums.clone();
    other.entries.values_mut().for_each(|entry| entry.squares.truncate(1));
    assert!(sums.add(&other).unwrap_err().to_string().contains("elsewhere"));
    let bert = tests::encoders::tiny("bert").bytes();
    let bert = engine::open(gguf::Gguf::open(Box::new(bert)).unwrap()).unwrap();
    let error = Windows::new(&bert.tokenizer, TEXT, cut(0, 1)).unwrap_err();
    assert!(matches!(error, Error::AddsEos), "{error}");
}

#[test]
fn damaged_files_of_base_logits_are_refused() {
    let (mut session, _) = session(Spec::tiny("llama").bytes(), 32, cpu::loader);
    let windows = Windows::new(session.tokenizer(), TEXT, cut(0, 2)).unwrap();
    let mut keeper = Keeper::default();
    let write = measure::write_base(&mut session, &windows, Vec::new(), &mut keeper);
    let (estimate, good) = pollster::block_on(write).unwrap();
    let nats = Base::open(Box::new(good.clone())).unwrap().nats().unwrap();
    assert!((nats.value - estimate.nats().value).abs() < 2e-4);
    let put = |at: usize, value: i32| {
        let mut bytes = good.clone();
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    for (what, bytes, about) in [
        ("empty", Vec::new(), ""),
        ("head only", good[..20].to_vec(), "not whole"),
        ("cut", good[..good.len() - 1].to_vec(), "not whole"),
        ("another magic", put(0, 0), "does not begin"),
        ("no window", put(16, 0), "0 windows"),
        ("negative", put(8, -1), "-1 tokens"),
        ("huge", put(16, i32::MAX), "windows"),
        ("huge context", put(8, i32::MAX), "tokens in a window"),
        ("huge vocabulary", put(12, i32::MAX), "vocabulary"),
        ("id", put(20, i32::MAX), "not among"),
    ] {
        let error = Base::open(Box::new(bytes)).err().unwrap_or_else(|| panic!("{what} was read"));
        assert!(error.to_string().contains(about), "{what}: {error}");
    }
    // Rows that hold no probabilities are found where they are read.
    let first_row = 20 + 4 * 64;
    let bytes = put(first_row, f32::NAN.to_bits() as i32);
    assert_eq!(ByteSource::len(&bytes), good.len() as u64);
    let base = Base::open(Box::new(bytes)).unwrap();
    let mut keeper = Keeper::default();
    let work = measure::compare(&mut session, &base, None, &mut keeper);
    let error = pollster::block_on(work).unwrap_err();
    assert!(error.to_string().contains("row 0 of window 0"), "{error}");
}
