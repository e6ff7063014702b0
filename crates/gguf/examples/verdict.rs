//! The reader as a bare wasm32 module with three C functions, for `tests/wasm32.rs`.
//!
//! No bindings generator: a test that compares two builds of the reader should have nothing but the
//! reader in between.

use std::cell::RefCell;

use gguf::{Limits, verdict};

thread_local! {
    static INPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static OUTPUT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Makes room for a file of `n_bytes` and says where to put it.
#[unsafe(no_mangle)]
pub extern "C" fn input(n_bytes: usize) -> *mut u8 {
    INPUT.with_borrow_mut(|input| {
        input.clear();
        input.resize(n_bytes, 0);
        input.as_mut_ptr()
    })
}

/// Judges the file with the native (0) or the wasm32 limits (1); the length of the answer.
#[unsafe(no_mangle)]
pub extern "C" fn judge(wasm32_limits: u32) -> usize {
    let limits = if wasm32_limits == 0 { &Limits::NATIVE } else { &Limits::WASM32 };
    let text = INPUT.with_borrow(|input| verdict(input, limits));
    OUTPUT.replace(text);
    OUTPUT.with_borrow(String::len)
}

/// Where the answer is.
#[unsafe(no_mangle)]
pub extern "C" fn output() -> *const u8 {
    OUTPUT.with_borrow(|text| text.as_ptr())
}
