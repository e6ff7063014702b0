//! A cancel that comes from the script: looked at between pieces of a file, waited for beside an
//! answer.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Poll, Waker};

use wasm_bindgen::prelude::*;

/// Set by the script while the module works.
#[wasm_bindgen]
#[derive(Clone, Default)]
pub struct CancelFlag(Rc<State>);

#[derive(Default)]
struct State {
    is_set: Cell<bool>,
    wakers: RefCell<Vec<Waker>>,
}

#[wasm_bindgen]
impl CancelFlag {
    /// A flag that is not set.
    #[wasm_bindgen(constructor)]
    pub fn new() -> CancelFlag {
        CancelFlag::default()
    }

    /// Sets it.
    pub fn cancel(&self) {
        self.0.is_set.set(true);
        let wakers = std::mem::take(&mut *self.0.wakers.borrow_mut());
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl CancelFlag {
    pub(crate) fn is_set(&self) -> bool {
        self.0.is_set.get()
    }

    /// Returns when it is set.
    pub(crate) async fn wait(&self) {
        std::future::poll_fn(|cx| {
            if self.is_set() {
                return Poll::Ready(());
            }
            let mut wakers = self.0.wakers.borrow_mut();
            if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
                wakers.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}
