//! The store of the page.

use hosting::library::StoreLibrary;
use store::{Client, Clock, Credentials, Fetch, FetchError, MemoryIo, RegistryAccess, Request, Response, BytesBody, Store};
use ::api::host::Env;

use super::env::PageEnv;

#[derive(Clone)]
pub struct PageClock;
impl Clock for PageClock {
    fn now_ms(&self) -> u64 { PageEnv.monotonic().as_millis() as u64 }
    fn unix_ms(&self) -> u64 { PageEnv.now().0.as_millis() as u64 }
    async fn sleep_ms(&self, ms: u64) { super::env::sleep_ms(ms as f64).await }
}
pub struct NoFetch;
impl Fetch for NoFetch {
    type Body = BytesBody;
    async fn fetch(&self, _: Request) -> Result<Response<BytesBody>, FetchError> {
        Err(FetchError::Refused("not yet".into()))
    }
}
pub type Stored = StoreLibrary<MemoryIo, NoFetch, PageClock>;
pub fn stored() -> Stored {
    StoreLibrary::new(Client::new(Store::new(MemoryIo::default(), PageClock), NoFetch), |request| {
        RegistryAccess { insecure: request.insecure, allow_private: false, credentials: Credentials::None }
    })
}
