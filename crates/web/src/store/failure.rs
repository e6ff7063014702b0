//! The store's errors as the page sees them: a code to act on, a sentence to show.

use store::{Error, FetchError, human_bytes};
use wasm_bindgen_futures::JsFuture;
use web_sys::{RequestInit, RequestMode};

use super::scope::scope;
use crate::error::EdgeError;

/// What a cancelled request ends with.
pub fn cancelled() -> EdgeError {
    EdgeError::new("aborted", "it was cancelled")
}

impl From<Error> for EdgeError {
    fn from(error: Error) -> EdgeError {
        let message = match &error {
            // Some browsers say a round number, whatever their limit is.
            Error::Full { need, have } if have > need => format!(
                "not enough storage: {} more needed, and this browser gives ingle no more; delete \
                 a model you do not need, or free some disk space",
                human_bytes(*need),
            ),
            Error::Full { need, have } => format!(
                "not enough storage: {} needed, and this browser has {} left for ingle; delete \
                 a model you do not need, or free some disk space",
                human_bytes(*need),
                human_bytes(*have)
            ),
            Error::NotFound { name } => {
                format!("{name} is not in this browser; get it, or load it from a file")
            }
            Error::NotAtRegistry { name, host } => {
                format!("{host} answered 404: there is no {name}; check the address")
            }
            other => other.to_string(),
        };
        EdgeError::new(error.code(), message).with_detail(format!("{error:?}"))
    }
}

/// Finds out why nothing came from an address; browsers only say that nothing did.
pub async fn explain(error: Error, url: Option<&str>) -> EdgeError {
    let Error::Network { host, error: FetchError::Connection(_) } = &error else {
        return error.into();
    };
    let detail = format!("{error:?}");
    let is_ours = *host == scope().location().host();
    if !is_ours && !scope().navigator().on_line() {
        let text = "you are offline; use a file you have, or try again later";
        return EdgeError::new("net.offline", text).with_detail(detail);
    }
    let asked = match url {
        Some(url) => url.to_owned(),
        None => format!("https://{host}/"),
    };
    let answers = answers_at_all(&asked).await;
    let (code, text) = match (is_ours, answers) {
        (true, true) => {
            ("net.cut", format!("the connection to {host} broke; try again, what is here is kept"))
        }
        (false, true) => (
            "net.cors",
            format!(
                "{host} does not allow browsers to download this; download the file yourself \
                 and choose it here"
            ),
        ),
        (_, false) => (
            "net.refused",
            format!("cannot reach {host}: nothing is listening there, or the address is wrong"),
        ),
    };
    EdgeError::new(code, text).with_detail(detail)
}

async fn answers_at_all(url: &str) -> bool {
    let init = RequestInit::new();
    init.set_method("HEAD");
    init.set_mode(RequestMode::NoCors);
    JsFuture::from(scope().fetch_with_str_and_init(url, &init)).await.is_ok()
}
