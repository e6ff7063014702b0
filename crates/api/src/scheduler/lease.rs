//! A slot of a loaded model, for as long as it is held.

use std::ops::Deref;
use std::rc::Rc;

use super::shared::Shared;
use crate::host::{Backend, Env};

/// The right to run one request. Dropping it gives the slot to the next one.
pub struct Lease<B: Backend, E: Env> {
    shared: Rc<Shared<B, E>>,
    id: u64,
    runner: Rc<B::Runner>,
}

impl<B: Backend, E: Env> Lease<B, E> {
    pub(super) fn new(shared: Rc<Shared<B, E>>, id: u64, runner: Rc<B::Runner>) -> Lease<B, E> {
        Lease { shared, id, runner }
    }
}

impl<B: Backend, E: Env> Deref for Lease<B, E> {
    type Target = B::Runner;

    fn deref(&self) -> &B::Runner {
        &self.runner
    }
}

impl<B: Backend, E: Env> Drop for Lease<B, E> {
    fn drop(&mut self) {
        self.shared.release(self.id);
    }
}

impl<B: Backend, E: Env> std::fmt::Debug for Lease<B, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lease({})", self.id)
    }
}

/// A place in the queue; dropping it before the answer came gives it up.
pub(super) struct Place<B: Backend, E: Env> {
    pub(super) shared: Rc<Shared<B, E>>,
    pub(super) ticket: u64,
}

impl<B: Backend, E: Env> Drop for Place<B, E> {
    fn drop(&mut self) {
        self.shared.cancel(self.ticket);
    }
}
