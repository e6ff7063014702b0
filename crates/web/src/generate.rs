//! One answer of the page's own: asked of the engine's task, given piece by piece.

use std::pin::pin;

use engine::actor::{Command, Event};
use engine::{FinishReason, Request};
use futures_util::future::{Either, select};
use js_sys::{Function, Promise};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::cancel::CancelFlag;
use crate::convert::{self, Thinking};
use crate::error::EdgeError;
use crate::in_use::InUse;

/// Writes an answer; every piece goes to `on_piece`, whose promise, if it gives one, is waited for
/// before the next.
///
/// # Errors
/// Whatever the engine reports; the model was unloaded meanwhile.
pub async fn generate(
    model: &InUse,
    (request, thinking): (Request, Option<Thinking>),
    on_piece: &Function,
    cancel: &CancelFlag,
) -> Result<(), EdgeError> {
    let mut asked = model.runner.line().ask(|id| Command::Generate { id, request });
    let mut is_cancelled = false;
    loop {
        let event = match next_or_cancel(&mut asked, cancel, is_cancelled).await {
            Some(event) => event,
            None => {
                asked.cancel();
                is_cancelled = true;
                continue;
            }
        };
        let (piece, is_done) = match event {
            Some(Event::Started { .. }) => match &thinking {
                Some(thinking) => (convert::thinking(thinking)?, false),
                None => continue,
            },
            Some(Event::Progress { done, total, .. }) => (convert::reading(done, total)?, false),
            Some(Event::Piece { text, ids, .. }) => (convert::piece(&text, &ids)?, false),
            Some(Event::Done { summary, .. }) => {
                let is_ended = summary.finish_reason == Some(FinishReason::Cancelled);
                if is_ended && !is_cancelled {
                    return Err(EdgeError::no_model()); // not the page's cancel: the model left
                }
                (convert::done(&summary)?, true)
            }
            Some(Event::Failed { error, .. }) => return Err(error.into()),
            _ => return Err(EdgeError::no_model()),
        };
        // What the listener throws is its own affair: the answer goes on.
        let taken = on_piece.call1(&JsValue::UNDEFINED, &piece);
        if is_done {
            return Ok(());
        }
        // A reader that is slow: what is written meanwhile fills the mailbox, then the model waits.
        if let Some(taken) = taken.ok().and_then(|value| value.dyn_into::<Promise>().ok()) {
            let _ = JsFuture::from(taken).await;
        }
    }
}

/// The next event, or nothing when it is cancelled before, which is told once.
async fn next_or_cancel(
    asked: &mut hosting::runner::Asked,
    cancel: &CancelFlag,
    is_cancelled: bool,
) -> Option<Option<Event>> {
    if is_cancelled {
        return Some(asked.next().await);
    }
    match select(pin!(asked.next()), pin!(cancel.wait())).await {
        Either::Left((event, _)) => Some(event),
        Either::Right(_) => None,
    }
}
