//! The tape of a request: what an answer was made of that is not in the request.
//!
//! A host whose engines come and go (a page) may have to answer a request once more in another
//! engine, when half of the body was read. With the tape of the first answer the second one is the
//! same to the byte: the events of its generations come from the tape as far as it goes, and behind
//! it from an engine that goes on after their tokens; what was drawn is drawn again. So protocols,
//! parsers and templates need not know that anything happened.

use std::rc::Rc;

use api::host::{Event, EventStream, GenerateRequest};
use futures_util::{StreamExt, stream};

/// Where one request keeps what it draws and what its generations say.
pub trait Tape {
    /// A number nobody can guess, or the one that was drawn at this place before.
    fn entropy(&self) -> u64;

    /// What the next generation said before, as far as it is known.
    fn past(&self) -> Vec<Event>;

    /// A generation says something new.
    fn record(&self, event: &Event);
}

/// A generation with a tape: `ask` has the engine do what is not on it, given the tokens it shall
/// go on after. Draws can only be repeated if the seed is known, so there is one from here on.
pub(super) fn taped(
    tape: Rc<dyn Tape>,
    mut request: GenerateRequest,
    ask: impl FnOnce(GenerateRequest, Vec<u32>) -> EventStream,
) -> EventStream {
    request.seed.get_or_insert_with(|| tape.entropy() as u32);
    let past = tape.past();
    if matches!(past.last(), Some(Event::Done(_))) {
        return stream::iter(past).map(Ok).boxed_local();
    }
    let was_started = !past.is_empty();
    let written = past.iter().flat_map(|event| match event {
        Event::Piece { ids, .. } => ids.as_slice(),
        _ => &[],
    });
    let resume = written.copied().collect();
    let rest = ask(request, resume).filter(move |event| {
        let is_known = was_started && matches!(event, Ok(Event::Started { .. }));
        std::future::ready(!is_known)
    });
    let rest = rest.inspect(move |event| {
        if let Ok(event) = event {
            tape.record(event);
        }
    });
    stream::iter(past).map(Ok).chain(rest).boxed_local()
}
