//! Where a registry may send us: which schemes, hosts and addresses are followed.
//!
//! A person names a registry; that host is trusted as far as the person does. Everything else (a
//! redirect, an upload's location) comes from the net and must not lead into a private network
//! through us, nor from `https` to `http`. Names that resolve to private addresses are the
//! [`crate::Fetch`] implementation's to refuse, because only it knows what they resolve to; it is
//! told by `allow_private`.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::error::Error;
use crate::limits::URL_CHARS;

/// What may be reached from a registry.
pub(crate) struct Guard {
    home: Url,
    insecure: bool,
    allow_private: bool,
}

impl Guard {
    pub(crate) fn new(home: &Url, insecure: bool, allow_private: bool) -> Guard {
        // Who names a private host is inside of that network already.
        let allow_private = allow_private || is_private(home);
        Guard { home: home.clone(), insecure, allow_private }
    }

    /// An address that a reply at `base` names.
    pub(crate) fn join(&self, base: &Url, location: &str) -> Result<Url, Error> {
        let refuse = |reason: String| Error::Unsafe { host: host_of(base), reason };
        if location.len() > URL_CHARS {
            return Err(refuse(format!("it names an address of more than {URL_CHARS} characters")));
        }
        let url = base.join(location).map_err(|_| refuse("it names no valid address".into()))?;
        let scheme = url.scheme();
        let is_allowed = scheme == "https" || self.insecure && scheme == "http";
        if !is_allowed {
            return Err(refuse(format!("it leads from https to {scheme}, which is not encrypted")));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("it names an address with a user and password".into()));
        }
        if is_private(&url) && !self.allows_private(&url) {
            let host = host_of(&url);
            return Err(refuse(format!("it leads to {host}, an address of a private network")));
        }
        Ok(url)
    }

    /// Whether a connection to a private address may be made for this request.
    pub(crate) fn allows_private(&self, url: &Url) -> bool {
        self.allow_private || same_origin(url, &self.home)
    }
}

/// `host:port`, without the port where it is the scheme's.
pub(crate) fn host_of(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (Some(host), None) => host.to_owned(),
        (None, _) => "the server".to_owned(),
    }
}

/// Same scheme, host and port: the only place credentials may go.
pub(crate) fn same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme()
        && a.host() == b.host()
        && a.port_or_known_default() == b.port_or_known_default()
}

fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(address)) => is_private_v4(address),
        Some(Host::Ipv6(address)) => is_private_v6(address),
        None => true,
    }
}

/// Whether an address belongs to this machine or a private network: what a [`crate::Fetch`] refuses
/// after resolving a name, unless [`crate::Request::allow_private`] says otherwise.
pub fn is_private_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_private_v4(address),
        IpAddr::V6(address) => is_private_v6(address),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_unspecified()
        || address.is_broadcast()
        || address.is_multicast()
        || a == 0
        // Shared between a provider's customers: other people's routers.
        || (a == 100 && (64..128).contains(&b))
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let [first, ..] = address.segments();
    let embedded = address.to_ipv4_mapped().is_some_and(is_private_v4);
    embedded
        || address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        // fc00::/7 (private) and fe80::/10 (link-local).
        || first & 0xfe00 == 0xfc00
        || first & 0xffc0 == 0xfe80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn redirects_that_are_refused() {
        let guard = Guard::new(&url("https://r.example/v2/"), false, false);
        let long = format!("https://x.example/{}", "a".repeat(URL_CHARS));
        let rows = [
            "http://cdn.example/x",
            "ftp://cdn.example/x",
            "file:///etc/passwd",
            "data:text/plain,x",
            "https://127.0.0.1/x",
            "https://2130706433/x",
            "https://0x7f.1/x",
            "https://localhost/x",
            "https://a.localhost./x",
            "https://169.254.169.254/latest/meta-data",
            "https://10.0.0.1/x",
            "https://192.168.1.9/x",
            "https://172.16.0.1/x",
            "https://100.64.0.1/x",
            "https://0.0.0.0/x",
            "https://[::1]/x",
            "https://[::ffff:10.0.0.1]/x",
            "https://[fd00::1]/x",
            "https://[fe80::1]/x",
            "https://user:pw@cdn.example/x",
            "https://",
            &long,
        ];
        for location in rows {
            let error = guard.join(&url("https://r.example/v2/a"), location).unwrap_err();
            assert!(matches!(error, Error::Unsafe { .. }), "{location}: {error}");
        }
    }

    #[test]
    fn redirects_that_are_followed() {
        let rows = [
            ("https://r.example/v2/", false, "https://cdn.example/x?sig=1"),
            ("https://r.example/v2/", false, "/other"),
            ("http://r.example/v2/", true, "http://cdn.example/x"),
            ("http://127.0.0.1:5000/v2/", true, "http://127.0.0.1:5001/x"),
            ("http://192.168.1.9/v2/", true, "http://192.168.1.9/y"),
        ];
        for (home, insecure, location) in rows {
            let guard = Guard::new(&url(home), insecure, false);
            assert!(guard.join(&url(home), location).is_ok(), "{home} {location}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let rows = [
            ("https://a.example/x", "https://a.example:443/y", true),
            ("https://a.example", "http://a.example", false),
            ("https://a.example", "https://a.example:444", false),
            ("https://a.example", "https://b.example", false),
            ("https://a.example", "https://a.example.evil.example", false),
        ];
        for (a, b, same) in rows {
            assert_eq!(same_origin(&url(a), &url(b)), same, "{a} {b}");
        }
    }
}
