//! This program as a host of the router: the store's folder, the engines, the clocks.

use api::host::Host;
use kernels::KvType;
use store::Ages;

use super::backend::{BackendSettings, NativeBackend};
use super::env::NativeEnv;
use super::library::{self, NativeLibrary, NativeStore};
use super::{Parts, Running, ServeArgs, ServeError, Settings, mirror, spawn};
use crate::args::Kv;

/// The parts of [`Parts`].
pub struct Native;

impl Host for Native {
    type Library = NativeLibrary;
    type Backend = NativeBackend;
    type Env = NativeEnv;
}

/// `ingle serve`.
///
/// # Errors
/// [`ServeError`] of the start.
pub fn serve(args: ServeArgs) -> Result<(), ServeError> {
    super::serve::<Native>(args, parts)
}

/// A server in this process, as the environment says.
///
/// # Errors
/// [`ServeError`] of the start.
pub fn start() -> Result<Running, ServeError> {
    let running = spawn::<Native>(Settings::from_env()?, parts)?;
    tracing::debug!("serving in this process at {}", running.address());
    Ok(running)
}

async fn parts(settings: &Settings) -> Result<Parts<Native>, String> {
    let library = library::of_machine().map_err(|error| error.to_string())?;
    let store = library.store().clone();
    let from_env = BackendSettings::from_env();
    let backend = BackendSettings {
        kv: settings.kv.map_or(from_env.kv, kv),
        num_ctx: settings.num_ctx.map_or(from_env.num_ctx, |n| n as usize),
        load_timeout: settings.load_timeout,
        ..from_env
    };
    let backend = NativeBackend::new(store.io().clone(), backend);
    if !settings.keep_unused {
        tokio::task::spawn_local(tidy_up(store.clone()));
    }
    Ok(Parts { library, backend, env: NativeEnv::new(), mirror: mirror(store) })
}

/// Removes what killed processes left and nothing names. Requests do not wait for it.
async fn tidy_up(store: NativeStore) {
    match store.prune(Ages::default()).await {
        Ok(pruned) => tracing::debug!("pruned the store: {pruned:?}"),
        Err(error) => tracing::warn!("the store was not pruned: {error}"),
    }
}

fn kv(kv: KvType) -> Kv {
    match kv {
        KvType::F32 => Kv::F32,
        KvType::F16 => Kv::F16,
        KvType::Q8_0 => Kv::Q8_0,
    }
}
