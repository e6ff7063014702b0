//! The router in the page: `/api/*` and `/v1/*` as a server answers them, over this worker's model
//! and the page's store.

mod backend;
mod env;
mod library;
mod request;
mod response;
mod stored;
pub mod tape;

use std::cell::RefCell;
use std::rc::Rc;

use ::api::Router;
use ::api::host::{Host, Library, LibraryError, Model};
use ::api::http::access::AccessSettings;
use ::api::scheduler::SchedulerSettings;
use ::api::types::{KeepAlive, Timestamp};
use gguf::Gguf;
use hosting::library::FileModel;
use wasm_bindgen_futures::spawn_local;

use crate::edge::Inner;
use crate::load::DEFAULT_SLOTS;
use backend::PageBackend;
use env::PageEnv;
use library::PageLibrary;
pub use response::ApiResponse;

/// The parts of the page's router.
pub struct PageHost;

impl Host for PageHost {
    type Library = PageLibrary;
    type Backend = PageBackend;
    type Env = PageEnv;
}

/// A file that the page loaded itself, if it did.
type Shown = Rc<RefCell<Option<FileModel>>>;

/// The router of one worker.
pub struct Page {
    router: Router<PageHost>,
    shown: Shown,
    library: Rc<PageLibrary>,
}

impl Page {
    fn new(inner: &Rc<Inner>) -> Page {
        let shown = Shown::default();
        let library = Rc::new(PageLibrary::new(Rc::clone(&shown), stored::stored(inner)));
        let backend = Rc::new(PageBackend::new(Rc::clone(inner), Rc::clone(&library)));
        let env = Rc::new(PageEnv);
        let version = env!("CARGO_PKG_VERSION");
        let settings = ::api::Settings {
            num_parallel: DEFAULT_SLOTS,
            // One model, until another is asked for: what a page loads once it will use again, and
            // nobody else on this machine waits for its memory.
            scheduler: SchedulerSettings {
                max_loaded: 1,
                keep_alive: KeepAlive::Forever,
                ..SchedulerSettings::default()
            },
            ..::api::Settings::new(version, AccessSettings::in_page())
        };
        let router = Router::new(Rc::clone(&library), backend, env, settings);
        let scheduler = router.scheduler();
        spawn_local(async move { scheduler.run().await });
        Page { router, shown, library }
    }

    /// A model of the page's store.
    pub async fn stored(&self, name: &str) -> Result<Model, LibraryError> {
        self.library.stored().get(name).await
    }

    /// A client has made a model, perhaps under a name that stood for another one.
    pub fn has_made(&self) -> bool {
        self.library.has_made()
    }
}

impl Inner {
    pub(crate) fn page(self: &Rc<Self>) -> &Page {
        self.page.get_or_init(|| Page::new(self))
    }

    /// The model in use is about to go: the router does not count on it any more.
    pub(crate) fn forget_in_router(self: &Rc<Self>) {
        let Some(page) = self.page.get() else { return };
        page.shown.borrow_mut().take();
        let scheduler = page.router.scheduler();
        for loaded in scheduler.loaded() {
            scheduler.unload(&loaded.spec.key());
        }
    }

    /// The page loaded this; clients can name it.
    pub(crate) fn show_in_router(self: &Rc<Self>, model: FileModel) {
        self.page().shown.borrow_mut().replace(model);
    }
}

/// What clients are told of a file that the page loads.
pub fn shown_model(name: &str, keys: &[String], size: u64, gguf: &Gguf) -> FileModel {
    let now: Timestamp = ::api::host::Env::now(&PageEnv);
    FileModel::of(name, keys, size, now, gguf)
}
