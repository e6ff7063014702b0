//! Seconds to load a vocabulary and to tokenize a text: `speed VOCAB.gguf TEXT [repeats]`, or
//! `node crates/tokenizer/examples/speed.mjs` for the same in WebAssembly.
//!
//! The least of several runs is printed: what the code needs, and not what else the machine does.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a measuring tool for developers")]

use std::cell::RefCell;
use std::time::Instant;

use gguf::Gguf;
use tokenizer::{Encode, Tokenizer};

const OPTIONS: Encode = Encode { add_special: true, parse_special: true };

thread_local! {
    static INPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static FILE: RefCell<Option<Gguf>> = const { RefCell::new(None) };
    static TOKENIZER: RefCell<Option<Tokenizer>> = const { RefCell::new(None) };
}

/// Makes room for `n_bytes` of a file or text and says where to put them.
#[unsafe(no_mangle)]
pub extern "C" fn input(n_bytes: usize) -> *mut u8 {
    INPUT.with_borrow_mut(|input| {
        *input = vec![0; n_bytes];
        input.as_mut_ptr()
    })
}

/// Reads the file that was put there.
#[unsafe(no_mangle)]
pub extern "C" fn open() {
    let bytes = INPUT.take();
    FILE.set(Some(Gguf::open(Box::new(bytes)).unwrap()));
}

/// Builds the tokenizer of the file; its number of tokens.
#[unsafe(no_mangle)]
pub extern "C" fn load() -> usize {
    let tokenizer =
        FILE.with_borrow(|file| Tokenizer::from_gguf(&file.as_ref().unwrap().metadata)).unwrap();
    let n_vocab = tokenizer.n_vocab();
    TOKENIZER.set(Some(tokenizer));
    n_vocab
}

/// Tokenizes the text that was put there; the number of ids.
#[unsafe(no_mangle)]
pub extern "C" fn encode() -> usize {
    INPUT.with_borrow(|input| {
        let text = std::str::from_utf8(input).unwrap();
        TOKENIZER.with_borrow(|it| it.as_ref().unwrap().encode(text, OPTIONS).len())
    })
}

/// The least seconds of `n` runs, and what the last gave.
fn least<R>(n: usize, mut run: impl FnMut() -> R) -> (f64, R) {
    let mut timed = || {
        let start = Instant::now();
        let result = run();
        (start.elapsed().as_secs_f64(), result)
    };
    (1..n).fold(timed(), |best, _| {
        let next = timed();
        if next.0 < best.0 { next } else { best }
    })
}

fn put(bytes: &[u8]) {
    input(bytes.len());
    INPUT.with_borrow_mut(|input| input.copy_from_slice(bytes));
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, vocab, texts @ ..] = args.as_slice() else {
        return;
    };
    let file = std::fs::read(vocab).unwrap();
    let (open_s, ()) = least(5, || {
        put(&file);
        open();
    });
    let (load_s, n_vocab) = least(5, || load());
    println!("{vocab}: {n_vocab} tokens, header {open_s:.3} s, vocabulary {load_s:.3} s");
    for path in texts {
        let text = std::fs::read(path).unwrap();
        put(&text);
        let (seconds, n_ids) = least(9, || encode());
        let rate = n_ids as f64 / seconds / 1e6;
        println!("{path}: {} bytes, {n_ids} ids, {seconds:.4} s, {rate:.1} M ids/s", text.len());
    }
}
