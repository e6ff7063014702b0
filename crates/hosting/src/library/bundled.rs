//! Models that come with the program: pulled without a network, and then stored like any other.
//!
//! They are no second kind of model: what is not in the store is put there from the program's own
//! bytes where another name would go to its registry. So they are listed, copied, shown and
//! deleted like all, and a host without any differs in nothing.

use std::rc::Rc;

use api::host::LibraryError;
use gguf::ByteSource;
use store::{BlobIo, Clock, Fetch, Name};

use super::StoreLibrary;
use super::errors::{library_error, parse_name};
use super::report::Reporter;

/// A model file inside of the program.
#[derive(Clone, Copy, Debug)]
pub struct Bundled {
    /// Its name in the store.
    pub name: &'static str,
    /// The GGUF file.
    pub bytes: &'static [u8],
}

impl<I: BlobIo, F: Fetch, C: Clock> StoreLibrary<I, F, C> {
    /// With models that come with the program.
    #[must_use]
    pub fn with_bundled(self, bundled: &'static [Bundled]) -> Self {
        StoreLibrary { bundled, ..self }
    }

    /// Stores the model of this name if it comes with the program, and says whether it does.
    pub(super) async fn unpack(&self, name: &Name, say: &Reporter) -> Result<bool, LibraryError> {
        let Some(found) = self.bundled_as(name)? else { return Ok(false) };
        say.step("unpacking the model that comes with ingle");
        let file: Rc<dyn ByteSource> = Rc::new(found.bytes);
        let stored = self.store().import(name, vec![file]).await.map_err(library_error)?;
        drop(stored);
        say.step("success");
        Ok(true)
    }

    fn bundled_as(&self, name: &Name) -> Result<Option<&'static Bundled>, LibraryError> {
        for bundled in self.bundled {
            if parse_name(bundled.name)? == *name {
                return Ok(Some(bundled));
            }
        }
        Ok(None)
    }
}
