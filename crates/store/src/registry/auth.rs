//! Credentials, and the challenge a registry answers the first request with.
//!
//! `401` names a realm to get a token from. Its host must be the registry's own: a registry that
//! names another one would be sent what belongs to somebody else.

use std::fmt;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::guard::{host_of, same_origin};
use super::origin::{Origin, fetch_head, read_body, status_error};
use crate::clock::Clock;
use crate::digest::Digest;
use crate::error::Error;
use crate::fetch::{Fetch, Headers, Method, Request};
use crate::limits::REPLY_BYTES;

/// Who asks. Sent to the registry a person named and to nobody else.
#[derive(Clone, Default)]
pub enum Credentials {
    /// Nobody in particular.
    #[default]
    None,
    /// A user and a password.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
    /// A token that was made elsewhere.
    Token(String),
    /// A key that signs requests for tokens, as Ollama's registry wants it.
    Key(Rc<dyn KeySigner>),
}

/// An SSH key of kind ed25519; keys and signatures are the host's business. It is asked only when a
/// registry wants a proof, so a host may look for the key (or make one) as late as that.
pub trait KeySigner {
    /// The public key, and the signature of these bytes.
    ///
    /// # Errors
    /// Why there is no key, and what to do about it, as the rest of a sentence.
    fn sign(&self, bytes: &[u8]) -> Result<Signed, String>;
    /// Random text for one request, some 20 characters of base64.
    ///
    /// # Errors
    /// As [`KeySigner::sign`].
    fn nonce(&self) -> Result<String, String>;
}

/// What a key says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The public key as it stands in an SSH key file, `ssh-ed25519 AAAA…`: its second word.
    pub public_key: String,
    /// The signature, 64 bytes.
    pub signature: Vec<u8>,
}

impl fmt::Debug for Credentials {
    /// Says which kind, never what is in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Credentials::None => "None",
            Credentials::Basic { .. } => "Basic",
            Credentials::Token(_) => "Token",
            Credentials::Key(_) => "Key",
        })
    }
}

impl Credentials {
    /// The `Authorization` that is sent without being asked for one.
    pub(crate) fn header(&self) -> Option<String> {
        match self {
            Credentials::None | Credentials::Key(_) => None,
            Credentials::Basic { user, password } => {
                Some(format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
            }
            Credentials::Token(token) => Some(format!("Bearer {token}")),
        }
    }
}

/// What stands in `WWW-Authenticate`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Challenge {
    scheme: String,
    realm: String,
    service: String,
    scope: String,
}

impl Challenge {
    /// Reads `Bearer realm="…",service="…",scope="…"`; what is missing stays empty.
    pub(crate) fn parse(header: &str) -> Challenge {
        let (scheme, mut rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        let mut challenge = Challenge { scheme: scheme.to_ascii_lowercase(), ..Default::default() };
        while let Some((key, after)) = rest.split_once('=') {
            let (value, after) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
                None => after.split_once(',').unwrap_or((after, "")),
            };
            match key.trim_matches([' ', ',']).to_ascii_lowercase().as_str() {
                "realm" => challenge.realm = value.to_owned(),
                "service" => challenge.service = value.to_owned(),
                "scope" => challenge.scope = value.to_owned(),
                _ => {}
            }
            rest = after;
        }
        challenge
    }
}

impl<F: Fetch, C: Clock> Origin<F, C> {
    /// The `Authorization` that answers a challenge.
    pub(super) async fn answer(&self, header: &str) -> Result<String, Error> {
        let challenge = Challenge::parse(header);
        let auth = |reason: &str| Error::Auth { host: self.host(), reason: reason.into() };
        if challenge.scheme == "basic" {
            return match &self.access.credentials {
                Credentials::Basic { .. } => Err(auth("it does not accept this user and password")),
                _ => Err(auth("it wants a user and a password")),
            };
        }
        if challenge.scheme != "bearer" || challenge.realm.is_empty() {
            return Err(auth("it wants credentials of a kind that is not known here"));
        }
        let url = self.token_url(&challenge)?;
        let mut headers = Headers::default();
        headers.push("Accept-Encoding", "identity");
        let proof = match &self.access.credentials {
            Credentials::Key(key) => Some(self.signed(&**key, &url)?),
            other => other.header(),
        };
        headers.0.extend(proof.map(|value| ("Authorization".to_owned(), value)));
        let allow_private = true;
        let request =
            Request { method: Method::Get, url, headers, body: Vec::new(), allow_private };
        let mut response = fetch_head(&*self.fetch, &self.clock, request).await?;
        match response.status {
            200 => {}
            401 | 403 => return Err(auth(&self.unknown("it gives no token for this model"))),
            _ => return Err(status_error(&self.clock, "the token", &self.host(), response).await),
        }
        let body = read_body(&self.clock, &self.host(), &mut response, REPLY_BYTES).await?;
        let json: serde_json::Value = serde_json::from_slice(&body)
            .map_err(|error| Error::protocol(&self.host(), format!("no token: {error}")))?;
        let token = ["token", "access_token"].iter().find_map(|key| json.get(key)?.as_str());
        // A token is a header: a line break in it would be a second header.
        let token = token.filter(|t| !t.is_empty() && t.bytes().all(|b| b.is_ascii_graphic()));
        match token {
            Some(token) => Ok(format!("Bearer {token}")),
            None => Err(Error::protocol(&self.host(), "a reply without a token")),
        }
    }

    fn token_url(&self, challenge: &Challenge) -> Result<Url, Error> {
        let host = self.host();
        let refuse = |reason: String| Error::Unsafe { host: host.clone(), reason };
        let mut url = Url::parse(&challenge.realm)
            .map_err(|_| refuse("it names no valid address for tokens".into()))?;
        if !same_origin(&url, &self.base) {
            let realm = host_of(&url);
            return Err(refuse(format!("it wants credentials to be sent to {realm}")));
        }
        let mut query = url.query_pairs_mut();
        query.append_pair("service", &challenge.service);
        for scope in challenge.scope.split(' ').filter(|scope| !scope.is_empty()) {
            query.append_pair("scope", scope);
        }
        if let Credentials::Key(key) = &self.access.credentials {
            query.append_pair("ts", &(self.clock.unix_ms() / 1000).to_string());
            query.append_pair("nonce", &key.nonce().map_err(|reason| self.no_key(&reason))?);
        }
        drop(query);
        Ok(url)
    }

    /// Ollama's proof: the public key, and the signature of verb, address and the digest of no
    /// body.
    fn signed(&self, key: &dyn KeySigner, url: &Url) -> Result<String, Error> {
        let body = STANDARD.encode(Digest::of(b"").hex());
        let data = format!("GET,{url},{body}");
        let signed = key.sign(data.as_bytes()).map_err(|reason| self.no_key(&reason))?;
        Ok(format!("{}:{}", signed.public_key, STANDARD.encode(signed.signature)))
    }

    fn no_key(&self, reason: &str) -> Error {
        let reason = format!("it wants the key of this machine, and {reason}");
        Error::Auth { host: self.host(), reason }
    }

    /// Why a registry does not let us in: for a key, with what has to be told to the registry.
    pub(super) fn unknown(&self, otherwise: &str) -> String {
        let Credentials::Key(key) = &self.access.credentials else { return otherwise.to_owned() };
        match key.sign(b"") {
            Ok(signed) => format!(
                "it does not accept the key of this machine for this model; add \"ssh-ed25519 {}\" \
                 to the keys of your account there",
                signed.public_key
            ),
            Err(_) => otherwise.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read() {
        let rows = [
            (
                "Bearer realm=\"https://a/t\",service=\"s\",scope=\"repository:a/b:pull,push\"",
                ["bearer", "https://a/t", "s", "repository:a/b:pull,push"],
            ),
            ("bearer  service=x, realm=https://a/t", ["bearer", "https://a/t", "x", ""]),
            ("Basic realm=\"Registry\"", ["basic", "Registry", "", ""]),
            ("Bearer realm=\"unclosed", ["bearer", "unclosed", "", ""]),
            ("Bearer", ["bearer", "", "", ""]),
            ("", ["", "", "", ""]),
        ];
        for (header, wanted) in rows {
            let Challenge { scheme, realm, service, scope } = Challenge::parse(header);
            assert_eq!([scheme, realm, service, scope], wanted, "{header}");
        }
    }

    #[test]
    fn credentials_are_never_shown() {
        let basic = Credentials::Basic { user: "u".into(), password: "secret".into() };
        assert_eq!(format!("{basic:?}"), "Basic");
        assert_eq!(basic.header().unwrap(), "Basic dTpzZWNyZXQ=");
    }
}
