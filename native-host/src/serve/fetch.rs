//! The store's HTTP over reqwest and rustls.
//!
//! Redirects are answers here, because the store takes credentials off before it follows them;
//! nothing is decompressed, because blobs are hashed as they come. Names that resolve to a private
//! address are refused after they were resolved, in the resolver of the connection itself: a second
//! look-up could get another answer. Stalls are the store's to notice; only connecting is timed.

use std::cell::RefCell;
use std::collections::HashSet;
use std::error::Error as StdError;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use store::{Body, Fetch, FetchError, Headers, Method, Request, Response, is_private_address};

/// Longest wait for a connection: a host that does not answer for this long is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// What this program calls itself to servers.
const USER_AGENT: &str = concat!("ingle/", env!("CARGO_PKG_VERSION"));

/// Variables that name a proxy, which may stand in a private network.
const PROXY_VARIABLES: [&str; 6] =
    ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

/// HTTP and HTTPS, for the store. Clients are made when they are first needed: reading the
/// system's certificates takes time that a server without a pull does not spend.
#[derive(Debug, Default)]
pub struct HttpFetch {
    public_only: RefCell<Option<reqwest::Client>>,
    anywhere: RefCell<Option<reqwest::Client>>,
    this_machine: RefCell<Option<reqwest::Client>>,
}

/// Where a request may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    PublicOnly,
    Anywhere,
    /// A proxy would look for the address on its own machine, so none is asked.
    ThisMachine,
}

impl Reach {
    fn of(request: &Request) -> Reach {
        let host = request.url.host_str().unwrap_or_default();
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        match request.allow_private {
            false => Reach::PublicOnly,
            true if host == "localhost" => Reach::ThisMachine,
            true if address.is_some_and(|address| address.is_loopback()) => Reach::ThisMachine,
            true => Reach::Anywhere,
        }
    }
}

impl HttpFetch {
    fn client(&self, reach: Reach) -> Result<reqwest::Client, FetchError> {
        let slot = match reach {
            Reach::PublicOnly => &self.public_only,
            Reach::Anywhere => &self.anywhere,
            Reach::ThisMachine => &self.this_machine,
        };
        if let Some(client) = slot.borrow().as_ref() {
            return Ok(client.clone());
        }
        let client = make_client(reach)?;
        *slot.borrow_mut() = Some(client.clone());
        Ok(client)
    }
}

fn make_client(reach: Reach) -> Result<reqwest::Client, FetchError> {
    // An error says that a provider is set already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(USER_AGENT);
    builder = match reach {
        Reach::PublicOnly => builder.dns_resolver(PublicOnly { proxies: proxy_hosts() }),
        Reach::Anywhere => builder,
        Reach::ThisMachine => builder.no_proxy(),
    };
    builder.build().map_err(|error| {
        let reason = innermost(&error);
        FetchError::Refused(format!(
            "no encrypted connections can be made ({reason}); install the system's certificates \
             (ca-certificates)"
        ))
    })
}

/// Hosts of proxies that the environment names.
fn proxy_hosts() -> HashSet<String> {
    let values = PROXY_VARIABLES.iter().filter_map(|name| std::env::var(name).ok());
    let urls = values.filter_map(|value| {
        let text = if value.contains("://") { value } else { format!("http://{value}") };
        reqwest::Url::parse(&text).ok()
    });
    urls.filter_map(|url| url.host_str().map(str::to_owned)).collect()
}

impl Fetch for HttpFetch {
    type Body = HttpBody;

    async fn fetch(&self, request: Request) -> Result<Response<HttpBody>, FetchError> {
        let client = self.client(Reach::of(&request))?;
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Head => reqwest::Method::HEAD,
            Method::Post => reqwest::Method::POST,
            Method::Patch => reqwest::Method::PATCH,
            Method::Put => reqwest::Method::PUT,
        };
        let mut builder = client.request(method, request.url);
        for (name, value) in &request.headers.0 {
            builder = builder.header(name, value);
        }
        builder = builder.header("Accept-Encoding", "identity");
        // With a body a length is sent, 0 too: some registries insist on one.
        if !matches!(request.method, Method::Get | Method::Head) {
            builder = builder.body(request.body);
        }
        let reply = builder.send().await.map_err(|error| failed(&error))?;
        let mut headers = Headers::default();
        for (name, value) in reply.headers() {
            if let Ok(value) = value.to_str() {
                headers.push(name.as_str(), value);
            }
        }
        let want = headers.number("content-length");
        let status = reply.status().as_u16();
        Ok(Response { status, headers, body: HttpBody { reply, got: 0, want } })
    }
}

/// A reply's body as it comes.
#[derive(Debug)]
pub struct HttpBody {
    reply: reqwest::Response,
    got: u64,
    want: Option<u64>,
}

impl Body for HttpBody {
    async fn next(&mut self) -> Option<Result<Vec<u8>, FetchError>> {
        match self.reply.chunk().await {
            Ok(None) => None,
            Ok(Some(bytes)) => {
                self.got = self.got.saturating_add(bytes.len() as u64);
                Some(Ok(bytes.to_vec()))
            }
            Err(error) => Some(Err(match self.want {
                Some(want) => FetchError::Cut { got: self.got, want },
                None => failed(&error),
            })),
        }
    }
}

/// Resolves names, and refuses those of private networks.
struct PublicOnly {
    /// Proxies are named by the person who runs this program, not by a server.
    proxies: HashSet<String>,
}

/// A name that leads into a private network.
#[derive(Debug, thiserror::Error)]
#[error(
    "{host} is {address}, an address of a private network, where only a host that was named by \
     the person who asks may lie"
)]
struct Private {
    host: String,
    address: IpAddr,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let is_proxy = self.proxies.contains(&host);
        Box::pin(async move {
            // The port is the connector's to set.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((&*host, 0)).await?.collect();
            match found.iter().map(SocketAddr::ip).find(|ip| is_private_address(*ip)) {
                Some(address) if !is_proxy => {
                    Err(Box::new(Private { host, address }) as Box<dyn StdError + Send + Sync>)
                }
                _ => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

/// Everything an error is made of, outermost first.
fn chain<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| {
        let error = *error;
        // An I/O error names as its source that of what it wraps; the wrapped one comes first.
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        wrapped.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| error.source())
    })
}

/// The last, most telling message.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    chain(error).last().map_or_else(String::new, ToString::to_string)
}

/// In the store's terms: refused where a new try would end the same way.
fn failed(error: &reqwest::Error) -> FetchError {
    let is_final = chain(error).any(|error| {
        let certificate = error.downcast_ref::<rustls::Error>();
        error.is::<Private>() || matches!(certificate, Some(rustls::Error::InvalidCertificate(_)))
    });
    let reason = innermost(error);
    if is_final { FetchError::Refused(reason) } else { FetchError::Connection(reason) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed test should panic")]

    use super::*;

    #[test]
    fn loopback_is_reached_without_a_proxy_and_only_where_allowed() {
        for (url, allow_private, want) in [
            ("http://127.0.0.1:5000/v2/", true, Reach::ThisMachine),
            ("http://[::1]:5000/v2/", true, Reach::ThisMachine),
            ("http://localhost/v2/", true, Reach::ThisMachine),
            ("http://10.0.0.1/v2/", true, Reach::Anywhere),
            ("https://registry.example/v2/", true, Reach::Anywhere),
            ("https://registry.example/v2/", false, Reach::PublicOnly),
            ("http://localhost/v2/", false, Reach::PublicOnly),
        ] {
            let (url, headers) = (reqwest::Url::parse(url).unwrap(), Headers::default());
            let request =
                Request { method: Method::Get, url, headers, body: Vec::new(), allow_private };
            assert_eq!(Reach::of(&request), want, "{}", request.url);
        }
    }
}
