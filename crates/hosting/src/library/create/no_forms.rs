//! Adapters on hosts that were built without their readers.

use std::collections::BTreeMap;

use api::host::LibraryError;
use store::{BlobIo, Clock, Fetch, Layer};

use super::super::errors::invalid;
use super::super::report::Reporter;
use super::StoreLibrary;

impl<I: BlobIo, F: Fetch, C: Clock> StoreLibrary<I, F, C> {
    pub(super) async fn add_adapters(
        &self,
        files: &BTreeMap<String, String>,
        _: &mut Vec<Layer>,
        _: &Reporter,
    ) -> Result<(), LibraryError> {
        match files.is_empty() {
            true => Ok(()),
            false => Err(invalid(
                "adapters are not merged here: make a GGUF file with `ingle quantize --lora`, and \
                 use that",
            )),
        }
    }
}
