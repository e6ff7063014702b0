//! Which `Host` a request may name.
//!
//! A web page cannot forge `Host`, but it can let its own name point at this machine (DNS
//! rebinding) and would then be of the same origin as this server. So only names that cannot
//! belong to a stranger are answered. Addresses are taken from `core::net`: they are numbers here,
//! nothing is connected.

use core::net::{IpAddr, Ipv6Addr};

/// The hosts that are answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostPolicy {
    /// Exact names, in lower case.
    pub names: Vec<String>,
    /// Endings of names with their dot, in lower case: `.localhost`.
    pub endings: Vec<String>,
    /// Addresses of private networks. A rebound name never looks like one, so they are safe where
    /// the server is meant to be reached from a network.
    pub private_addresses: bool,
    /// `0.0.0.0` and `::`, which some clients keep from their configuration.
    pub unspecified_addresses: bool,
}

impl HostPolicy {
    /// For a server on loopback: `localhost`, names below it, loopback addresses, and names given.
    /// Narrower than Ollama, which also answers to `*.local`, `*.internal` and private addresses:
    /// whoever answers multicast DNS in the same network could take such a name.
    pub fn loopback<S: Into<String>>(names: impl IntoIterator<Item = S>) -> HostPolicy {
        let names = names.into_iter().map(|name| name.into().to_ascii_lowercase());
        HostPolicy {
            names: names.chain(["localhost".into()]).collect(),
            endings: vec![".localhost".into()],
            ..HostPolicy::default()
        }
    }

    /// For a server that is reached from a network: also private and unspecified addresses.
    pub fn network<S: Into<String>>(names: impl IntoIterator<Item = S>) -> HostPolicy {
        let loopback = HostPolicy::loopback(names);
        HostPolicy { private_addresses: true, unspecified_addresses: true, ..loopback }
    }

    /// All that Ollama answers to.
    pub fn ollama<S: Into<String>>(names: impl IntoIterator<Item = S>) -> HostPolicy {
        let mut policy = HostPolicy::network(names);
        policy.endings.extend([".local".into(), ".internal".into()]);
        policy
    }

    /// Whether the value of a `Host` header is answered; a port does not matter.
    pub fn allows(&self, host: &str) -> bool {
        let Some(name) = name_of(host) else { return false };
        match name {
            Name::Address(address) => self.allows_address(address),
            Name::Dns(name) => {
                let ends = |ending: &String| name.len() > ending.len() && name.ends_with(ending);
                self.names.contains(&name) || self.endings.iter().any(ends)
            }
        }
    }

    fn allows_address(&self, address: IpAddr) -> bool {
        let is_private = match address {
            IpAddr::V4(v4) => v4.is_private() || v4.is_link_local(),
            IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
        };
        address.is_loopback()
            || self.private_addresses && is_private
            || self.unspecified_addresses && address.is_unspecified()
    }
}

enum Name {
    Address(IpAddr),
    /// In lower case.
    Dns(String),
}

/// The name in `name`, `name:port`, `[v6]` or `[v6]:port`; `None` for anything else.
fn name_of(host: &str) -> Option<Name> {
    if let Some(rest) = host.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let is_port = port.is_empty() || is_port(port.strip_prefix(':')?);
        let address: Ipv6Addr = address.parse().ok()?;
        return is_port.then_some(Name::Address(address.into()));
    }
    let name = match host.split_once(':') {
        Some((name, port)) if is_port(port) => name,
        Some(_) => return None,
        None => host,
    };
    if let Ok(address) = name.parse::<core::net::Ipv4Addr>() {
        return Some(Name::Address(address.into()));
    }
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    name.split('.').all(is_label).then(|| Name::Dns(name.to_ascii_lowercase()))
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok()
}
