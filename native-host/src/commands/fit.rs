//! `ingle show --fit`: whether a model can run on this machine, before it is downloaded.
//!
//! The planner is the store's; here it gets a header (of a file, a stored model, a registry's, an
//! address') and this machine's memory. A page asks the same planner.

use std::path::Path;

use gguf::{ByteSource, Gguf};
use hosting::library::file_address;
use kernels::{KvType, PlayerConfig};
use serde_json::json;
use store::fit::{self, Device, Fit, Host, Limits, Needs, Place};
use store::{BlobIo, Client, Name};

use super::{print_json, target};
use crate::args::Format;
use crate::client;
use crate::failure::Failure;
use crate::serve::Settings;
use crate::serve::library::{self, NativeStore};
use crate::{source, term};

/// Cache types, the one to prefer first.
const KV_TYPES: [(KvType, &str); 2] = [(KvType::F16, "f16"), (KvType::Q8_0, "q8_0")];

/// A header that was read, and the bytes that would have to be stored.
struct Header {
    opened: engine::Opened,
    storage: u64,
}

/// `ingle show --fit`.
pub fn run(file: &Path, context: Option<usize>, format: Format) -> Result<(), Failure> {
    let (header, free) = client::block_on(async {
        let store = library::store_of_machine().map_err(Failure::Usage)?;
        let free = store.io().free_space().await;
        Ok((header(file, &store).await?, free))
    })?;
    let found = plan(&header, context, free)?;
    let kv = KV_TYPES.iter().find(|(kv, _)| *kv == found.kv).map_or("f16", |(_, name)| name);
    match format {
        Format::Json => {
            let Needs { weights, context, scratch, .. } = found.needs;
            print_json(&json!({
                "verdict": found.verdict.name(),
                "device": if found.device == Device::Gpu { "gpu" } else { "cpu" },
                "context_length": found.context,
                "kv_type": kv,
                "needs": {
                    "weights": weights,
                    "context": context,
                    "scratch": scratch,
                    "total": found.needs.total(),
                    "storage": header.storage,
                },
                "has": {"device": found.has, "storage": free},
                "sentence": found.sentence,
                "nearest": found.nearest,
            }))
        }
        Format::Text => {
            let nearest = found.nearest.map_or(String::new(), |nearest| format!(" {nearest}"));
            term::write_out(format!("{}{nearest}\n", found.sentence).as_bytes())
        }
    }
}

/// The sentence for a model that is about to be fetched to this machine: `None` if it is here, or
/// if its header cannot be read (then the fetch says what is wrong).
pub async fn before_pull(name: &str) -> Option<String> {
    let store = library::store_of_machine().ok()?;
    let is_here = match name.parse::<Name>() {
        Ok(name) => store.resolve(&name).await.ok()?.is_some(),
        Err(_) => false,
    };
    if is_here {
        return None;
    }
    let header = remote(name, &store).await.ok()?;
    let found = plan(&header, None, store.io().free_space().await).ok()?;
    Some(match found.nearest {
        Some(nearest) => format!("{} {nearest}", found.sentence),
        None => found.sentence,
    })
}

async fn header(file: &Path, store: &NativeStore) -> Result<Header, Failure> {
    let Some(text) = target::stored_name(file).filter(|text| file_address(text).is_none()) else {
        return match file.to_str().and_then(file_address) {
            Some(url) => remote(&url, store).await,
            None => Ok(Header { opened: engine::open(source::open(file)?)?, storage: 0 }),
        };
    };
    let name: Name = text.parse()?;
    if let Some(name) = store.resolve(&name).await? {
        let model = store.get(&name).await?;
        let mut sources: Vec<Box<dyn ByteSource>> = Vec::new();
        for file in NativeStore::model_files(&model) {
            sources.push(Box::new(store.open_blob(&file.digest).await?));
        }
        return Ok(Header { opened: open(sources)?, storage: 0 });
    }
    remote(text, store).await
}

fn open(sources: Vec<Box<dyn ByteSource>>) -> Result<engine::Opened, Failure> {
    Ok(engine::open(Gguf::open_split(sources)?)?)
}

/// The header of a model that is not here: its first megabytes are fetched.
async fn remote(text: &str, store: &NativeStore) -> Result<Header, Failure> {
    let client = Client::new(store.clone(), library::network());
    let access = library::access_to(text);
    let (opened, storage) = match file_address(text) {
        Some(url) => client.header_at(&url, access, open).await?,
        None => client.header_named(&text.parse::<Name>()?, access, open).await?,
    };
    Ok(Header { opened, storage })
}

fn plan(
    header: &Header,
    context: Option<usize>,
    free: Option<u64>,
) -> Result<Fit<KvType>, Failure> {
    let opened = &header.opened;
    let plan = &opened.model.plan;
    // As a server of this machine would load it.
    let n_slots = Settings::from_env().map_or(1, |settings| settings.num_parallel);
    let needs = |_, context: u64, kv| {
        let n_ctx = usize::try_from(context).unwrap_or(usize::MAX);
        let takes = plan.footprint(&PlayerConfig { n_ctx, n_slots, kv, n_threads: 0 });
        let (weights, context, scratch) = (takes.weights, takes.cache, takes.scratch);
        Needs { weights, context, scratch, largest: takes.largest }
    };
    let model = fit::Model {
        needs: &needs,
        kv_types: &KV_TYPES,
        context: context.unwrap_or(opened.default_n_ctx()) as u64,
        is_kv_fixed: false,
        storage: header.storage,
        n_params: opened.info().n_params,
    };
    let (machine, card) = crate::serve::memory_here();
    let place = |device, bytes| Place { device, bytes: Some(bytes), buffer: None };
    let card = card.map(|bytes| place(Device::Gpu, bytes));
    let places = card.into_iter().chain([place(Device::Cpu, machine)]).collect();
    let limits = Limits { places, storage: free, host: Host::Machine };
    let nowhere = || Failure::Usage("there is nothing here to run a model on".to_owned());
    fit::plan(&model, &limits).ok_or_else(nowhere)
}
