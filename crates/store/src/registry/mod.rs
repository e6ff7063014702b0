//! A client of one registry.
//!
//! The protocol is Docker's (version 2), which Ollama's registry, Hugging Face, plain OCI
//! registries and our own mirror speak. What is delicate is trust: a registry says where to get a
//! token and where a blob lies, and both answers are only followed where credentials cannot leak
//! ([`auth`]) and no private network is reached through us ([`guard`]).

pub(crate) mod auth;
pub(crate) mod guard;
pub(crate) mod origin;

use std::rc::Rc;

use url::Url;

use crate::clock::Clock;
use crate::digest::Digest;
use crate::error::Error;
use crate::fetch::{Fetch, Headers, Method};
use crate::limits::MANIFEST_BYTES;
use crate::manifest::Manifest;
use crate::media;
use crate::name::Name;
pub use auth::{Credentials, KeySigner, Signed};
pub use guard::is_private_address;
use origin::{Origin, read_body};

/// How a registry may be reached.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Plain `http` is used, as for a registry on the local network.
    pub insecure: bool,
    /// Redirects to private and loopback addresses are followed from anywhere.
    pub allow_private: bool,
    /// Who we are.
    pub credentials: Credentials,
}

/// One repository at one registry.
pub(crate) struct Registry<F, C> {
    pub origin: Rc<Origin<F, C>>,
    pub name: Name,
}

impl<F: Fetch, C: Clock> Registry<F, C> {
    pub(crate) fn new(fetch: Rc<F>, clock: C, name: &Name, access: Access) -> Result<Self, Error> {
        let scheme = if access.insecure { "http" } else { "https" };
        let host = name.registry_host();
        let refuse = |_| Error::Name {
            name: name.to_string(),
            reason: format!("\"{host}\" is no address of a registry"),
        };
        let base = Url::parse(&format!("{scheme}://{host}/v2/{}/", name.repository()));
        let origin = Rc::new(Origin::new(fetch, clock, base.map_err(refuse)?, access));
        Ok(Registry { origin, name: name.clone() })
    }

    /// An address below this repository.
    pub(crate) fn url(&self, rest: &str) -> Result<Url, Error> {
        let failed = |_| Error::protocol(&self.origin.host(), "its address is too long");
        self.origin.base.join(rest).map_err(failed)
    }

    /// The address of a blob.
    pub(crate) fn blob_url(&self, digest: &Digest) -> Result<Url, Error> {
        // Relative to the base; without `./` the digest's colon would make it a scheme.
        self.url(&format!("./blobs/{digest}"))
    }

    /// Fetches the manifest and the bytes it has at the registry.
    pub(crate) async fn manifest(&self) -> Result<Manifest, Error> {
        let reference = match self.name.digest() {
            Some(digest) => digest.to_string(),
            None => self.name.tag().to_owned(),
        };
        let url = self.url(&format!("manifests/{reference}"))?;
        let mut headers = Headers::default();
        headers.push("Accept", format!("{}, {}", media::MANIFEST, media::OCI_MANIFEST));
        let mut response = self.origin.send(Method::Get, &url, &headers, &[]).await?;
        let host = self.origin.host();
        if response.status == 404 {
            return Err(Error::NotAtRegistry { name: self.name.to_string(), host });
        }
        if response.status != 200 {
            return Err(self.origin.status_error("the manifest", response).await);
        }
        let raw = read_body(&self.origin.clock, &host, &mut response, MANIFEST_BYTES).await?;
        if let Some(want) = self.name.digest().filter(|want| *want != Digest::of(&raw)) {
            return Err(Error::Mismatch { want, got: Digest::of(&raw) });
        }
        let name = format!("{} at {host}", self.name);
        Manifest::parse(&raw).map_err(|reason| Error::Manifest { name, reason })
    }
}
