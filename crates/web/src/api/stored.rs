//! The page's store as the router's library: the one that `engine.models` has.

use hosting::library::StoreLibrary;

use crate::edge::Inner;
use crate::store::{PageClient, PageClock, PageFetch, PageIo, access_of};

/// The router's view of the store.
pub type Stored = StoreLibrary<PageIo, PageFetch, PageClock>;

/// The store the script gave, or one in memory.
pub fn stored(inner: &Inner) -> Stored {
    let in_memory = || PageClient::in_memory(inner.next_task.clone());
    let client = inner.store.get_or_init(in_memory).client.clone();
    StoreLibrary::new(client, |request| access_of(request.model.name()))
}
