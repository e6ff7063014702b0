//! The class the worker's script calls, and the store with the network behind it.

use ::store::{Client, Digest, Name, RegistryAccess, StorePath, Wish};
use hosting::library::file_address;
use js_sys::{Array, Function, Promise};
use serde::Deserialize;
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use super::clock::PageClock;
use super::failure::explain;
use super::fetch::PageFetch;
use super::files::StoredFile;
use super::io::PageIo;
use super::progress::Teller;
use super::records::{Shown, Stored, Verified};
use super::sum::Sums;
use super::until::unless_aborted;
use super::{PageStore, add, adopt, find, page_store, scope};
use crate::error::EdgeError;
use crate::js::{promise, to_js};

/// The models of this origin.
#[wasm_bindgen]
pub struct WasmStore(pub(crate) PageClient);

/// The store with the network; clones are the same.
#[derive(Clone)]
pub struct PageClient {
    /// What reads, writes and downloads.
    pub client: Client<PageIo, PageFetch, PageClock>,
    fetch: PageFetch,
}

/// `{ name?, digest? }`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct PullSettings {
    name: Option<String>,
    digest: Option<String>,
}

#[wasm_bindgen]
impl WasmStore {
    /// Opens the best place this browser has. `next_task` is the pause, `begin_sum` starts a worker
    /// that sums.
    pub async fn open(next_task: Function, begin_sum: Function) -> WasmStore {
        let clock = PageClock { next_task };
        let sums = Sums { begin: Some(begin_sum), clock: clock.clone() };
        let io = PageIo::open(sums).await;
        WasmStore(PageClient::new(io, clock))
    }

    /// "opfs", "indexeddb", "memory".
    pub fn kind(&self) -> String {
        self.0.store().io().kind().to_owned()
    }

    /// Requests that were made: `[{ at, host, bytes }]`, newest last.
    pub fn requests(&self) -> Result<JsValue, JsValue> {
        Ok(to_js(&self.0.fetch.made())?)
    }

    /// Gets a model by its name or a file by its address. Resolves to a `StoredModel`.
    pub fn pull(
        &self,
        reference: String,
        settings: JsValue,
        on_progress: Function,
        signal: AbortSignal,
    ) -> Promise {
        let inner = self.0.clone();
        promise(async move {
            let settings: PullSettings = serde_wasm_bindgen::from_value(settings)?;
            let work = inner.pull(&reference, settings, on_progress);
            let name = unless_aborted(&signal, work).await?;
            inner.stored(&name).await
        })
    }

    /// Stores files that a person chose. Resolves to a `StoredModel`.
    pub fn add(
        &self,
        files: Array,
        name: Option<String>,
        on_progress: Function,
        signal: AbortSignal,
    ) -> Promise {
        let inner = self.0.clone();
        promise(async move {
            let files = add::in_order(&files);
            let name = name.map(|name| name.parse::<Name>()).transpose()?;
            let label = files.first().map(web_sys::File::name).unwrap_or_default();
            let teller = Teller::new(on_progress, "transfer", &label);
            let work = add::add(inner.store(), files, name, &teller);
            let name = unless_aborted(&signal, work).await?;
            inner.stored(&name).await
        })
    }

    /// All models: `StoredModel[]`, the one that changed last first.
    pub fn list(&self) -> Promise {
        let inner = self.0.clone();
        promise(async move {
            let used = inner.store().used().await;
            let mut models = Vec::new();
            for model in inner.store().list().await?.models {
                let used_at = used.get(&model.name.to_string()).copied();
                models.push(Stored::of(inner.store(), &model, used_at).await);
            }
            to_js(&models)
        })
    }

    /// Everything about one model: `ModelDetails`.
    pub fn show(&self, name: String) -> Promise {
        let inner = self.0.clone();
        promise(async move {
            let model = inner.store().get(&inner.find(&name).await?).await?;
            let used_at = inner.store().used().await.get(&model.name.to_string()).copied();
            to_js(&Shown::of(inner.store(), &model, used_at).await?)
        })
    }

    /// Deletes a model, and its files that no other model has.
    pub fn rm(&self, name: String) -> Promise {
        let inner = self.0.clone();
        promise(async move {
            inner.store().remove(&inner.find(&name).await?).await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Reads a model's files again and compares digests: `VerifyReport`.
    pub fn verify(&self, name: String, on_progress: Function, signal: AbortSignal) -> Promise {
        let inner = self.0.clone();
        promise(async move {
            let name = inner.find(&name).await?;
            let teller = Teller::new(on_progress, "check", &name.to_string());
            let work = async {
                let report = inner.store().verify(Some(&name), |line| teller.line(line)).await?;
                to_js(&Verified::of(&report))
            };
            unless_aborted(&signal, work).await
        })
    }

    /// A model's files, open for loading: `{ name, keys, files: StoredFile[] }`.
    #[wasm_bindgen(js_name = openModel)]
    pub fn open_model(&self, name: String) -> Promise {
        let inner = self.0.clone();
        promise(async move {
            let model = inner.store().get(&inner.find(&name).await?).await?;
            let files = Array::new();
            for file in PageStore::model_files(&model) {
                if !inner.store().has_blob(&file.digest, file.size).await? {
                    return Err(::store::Error::BlobMissing { digest: file.digest }.into());
                }
                let open = inner.store().open_blob(&file.digest).await?;
                files.push(&StoredFile::new(open).map_err(opened)?.into());
            }
            // It is a note for a list; a load goes on without it.
            let _ = inner.store().mark_used(&model.name).await;
            let out = js_sys::Object::new();
            let keys: Array = PageStore::model_files(&model)
                .iter()
                .map(|file| JsValue::from(file.digest.to_string()))
                .collect();
            let name = JsValue::from(model.name.to_string());
            for (key, value) in [("name", name), ("keys", keys.into()), ("files", files.into())] {
                js_sys::Reflect::set(&out, &key.into(), &value).map_err(opened)?;
            }
            Ok(out.into())
        })
    }

    /// A model's files as the browser's own: `{ name, blob }[]`. Nothing is copied.
    pub fn blobs(&self, name: String) -> Promise {
        let inner = self.0.clone();
        promise(async move {
            let model = inner.store().get(&inner.find(&name).await?).await?;
            let out = Array::new();
            for file in PageStore::model_files(&model) {
                let path = StorePath::blob(&file.digest);
                let blob = inner.store().io().blob(&path).await.map_err(::store::Error::Io)?;
                let entry = js_sys::Object::new();
                js_sys::Reflect::set(&entry, &"name".into(), &file.file_name.into())
                    .map_err(opened)?;
                js_sys::Reflect::set(&entry, &"blob".into(), &blob).map_err(opened)?;
                out.push(&entry);
            }
            Ok(out.into())
        })
    }

    /// Takes over files of earlier versions; the models' names.
    pub fn adopt(&self) -> Promise {
        let inner = self.0.clone();
        promise(async move { to_js(&adopt::adopt(inner.store()).await?) })
    }

    /// Removes what downloads and deletions left and nobody needs.
    pub fn prune(&self) -> Promise {
        let inner = self.0.clone();
        promise(async move {
            let pruned = inner.store().prune(::store::Ages::default()).await?;
            to_js(&(pruned.bytes as f64))
        })
    }
}

fn opened(error: JsValue) -> EdgeError {
    EdgeError::new("file.gone", scope::words_of(&error))
}

impl PageClient {
    fn new(io: PageIo, clock: PageClock) -> PageClient {
        let fetch = PageFetch::default();
        let client = Client::new(page_store(io, clock), fetch.clone());
        PageClient { client, fetch }
    }

    /// A store that goes with the tab.
    pub fn in_memory(next_task: Function) -> PageClient {
        let clock = PageClock { next_task };
        let sums = Sums { begin: None, clock: clock.clone() };
        PageClient::new(PageIo::in_memory(sums), clock)
    }

    pub(super) fn store(&self) -> &PageStore {
        self.client.store()
    }

    /// The name under which a model is stored. A file's name stands for the model made of it.
    pub(super) async fn find(&self, text: &str) -> Result<Name, EdgeError> {
        find(self.store(), text).await
    }

    async fn stored(&self, name: &Name) -> Result<JsValue, EdgeError> {
        let model = self.store().get(name).await?;
        let used_at = self.store().used().await.get(&model.name.to_string()).copied();
        to_js(&Stored::of(self.store(), &model, used_at).await)
    }

    async fn pull(
        &self,
        reference: &str,
        settings: PullSettings,
        on_progress: Function,
    ) -> Result<Name, EdgeError> {
        let name = settings.name.map(|name| name.parse::<Name>()).transpose()?;
        let digest = settings.digest.map(|text| text.parse::<Digest>()).transpose()?;
        let label = reference.split(['?', '#']).next().and_then(|path| path.rsplit('/').next());
        let label = if reference.contains("://") { label } else { None };
        let teller = Teller::new(on_progress, "transfer", label.unwrap_or(reference));
        let tell = |line| teller.line(line);
        match file_address(reference) {
            Some(url) => {
                let wish = Wish { name, digest };
                let pulled = self.client.pull_url(&url, &wish, access_of(reference), tell).await;
                match pulled {
                    Ok(name) => Ok(name),
                    Err(error) => Err(explain(error, Some(&url)).await),
                }
            }
            None => {
                let mut name: Name = reference.parse()?;
                if let Some(digest) = digest {
                    name = format!("{}@{digest}", name.unpinned()).parse()?;
                }
                let pulled = self.client.pull(&name, access_of(reference), tell).await;
                match pulled {
                    Ok(name) => Ok(name),
                    Err(error) => Err(explain(error, None).await),
                }
            }
        }
    }
}

/// How the registry or server that `text` names is reached.
pub fn access_of(text: &str) -> RegistryAccess {
    let is_near = text.parse::<Name>().is_ok_and(|name| is_near(&name));
    access(is_near || file_address(text).is_some())
}

/// What may be reached is the browser's to say: it refuses plain `http` from a page with `https`,
/// and knows which networks are private.
fn access(insecure: bool) -> RegistryAccess {
    RegistryAccess { insecure, allow_private: true, ..RegistryAccess::default() }
}

/// A registry on this machine, or the server of this page: asked by the page's own scheme.
fn is_near(name: &Name) -> bool {
    let location = scope::scope().location();
    let host = name.registry_host();
    let bare = host.rsplit_once(':').map_or(host, |(bare, _)| bare);
    let is_page = host == location.host() && location.protocol() == "http:";
    is_page || bare == "localhost" || bare.starts_with("127.")
}
