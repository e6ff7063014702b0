//! Where the server listens and clients look for it: the forms of `OLLAMA_HOST`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Ollama's port.
pub const DEFAULT_PORT: u16 = 11434;

/// An address as it was written, with what it leaves out filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostAddress {
    /// `http` or `https`; a server speaks HTTP whatever it says, since the scheme is for clients
    /// behind a proxy.
    pub scheme: String,
    /// A name or an address, without brackets. Empty is every address of this machine.
    pub host: String,
    /// Port; 0 takes a free one.
    pub port: u16,
}

impl Default for HostAddress {
    fn default() -> HostAddress {
        let host = Ipv4Addr::LOCALHOST.to_string();
        HostAddress { scheme: "http".into(), host, port: DEFAULT_PORT }
    }
}

impl HostAddress {
    /// Reads `host`, `host:port`, `:port`, `port`, `[v6]:port`, `v6`, each with `http://` (port 80
    /// unless said) or `https://` (443) before it and a path behind it, which is of no meaning.
    ///
    /// A number alone is a port, which Ollama takes for a name; a bad port is an error here and a
    /// warning there, after which it listens where nobody asked for.
    ///
    /// # Errors
    /// What is wrong with it, as the second half of a sentence.
    pub fn parse(text: &str) -> Result<HostAddress, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        let port = match (text.contains("://"), scheme) {
            (false, _) => DEFAULT_PORT,
            (true, "http") => 80,
            (true, "https") => 443,
            (true, other) => {
                return Err(format!("the scheme '{other}' is neither http nor https"));
            }
        };
        let place = rest.split('/').next().unwrap_or_default();
        let (host, port) = split(place, port)?;
        let host = match host {
            Some(host) => check_host(host)?.to_owned(),
            None => Ipv4Addr::LOCALHOST.to_string(),
        };
        Ok(HostAddress { scheme: scheme.to_owned(), host, port })
    }

    /// Whether only this machine can reach it.
    pub fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host.eq_ignore_ascii_case("localhost"),
        }
    }

    /// What the system is asked to listen on.
    pub fn listen_host(&self) -> &str {
        if self.host.is_empty() { "0.0.0.0" } else { &self.host }
    }
}

impl std::fmt::Display for HostAddress {
    /// `127.0.0.1:11434`, `[::1]:11434`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Host and port of `host:port`; the host is `None` where only a port or nothing is given, and
/// empty for `:port`.
fn split(place: &str, default: u16) -> Result<(Option<&str>, u16), String> {
    if place.is_empty() {
        return Ok((None, default));
    }
    if place.parse::<Ipv6Addr>().is_ok() {
        return Ok((Some(place), default));
    }
    if place.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok((None, parse_port(place)?));
    }
    if let Some(rest) = place.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("its bracket is not closed")?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((Some(host), parse_port(port)?)),
            None if rest.is_empty() => Ok((Some(host), default)),
            None => Err(format!("'{rest}' stands behind its bracket")),
        };
    }
    match place.split_once(':') {
        Some((host, port)) => Ok((Some(host), parse_port(port)?)),
        None => Ok((Some(place), default)),
    }
}

fn parse_port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| format!("the port '{text}' is not a number from 0 to 65535"))
}

fn check_host(host: &str) -> Result<&str, String> {
    let is_fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:%".contains(&byte);
    let is_v6 = host.contains(':');
    if !host.bytes().all(is_fine) || is_v6 && host.parse::<Ipv6Addr>().is_err() {
        return Err(format!("'{host}' is neither a name nor an address"));
    }
    Ok(host)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn forms_of_addresses() {
        for (text, wanted) in [
            ("", "127.0.0.1:11434"),
            ("localhost", "localhost:11434"),
            ("1.2.3.4", "1.2.3.4:11434"),
            (":1234", ":1234"),
            ("1234", "127.0.0.1:1234"),
            ("1.2.3.4:1234", "1.2.3.4:1234"),
            ("http://1.2.3.4", "1.2.3.4:80"),
            ("https://1.2.3.4", "1.2.3.4:443"),
            ("http://1.2.3.4:0", "1.2.3.4:0"),
            ("https://example.com:5000/ollama/", "example.com:5000"),
            ("example.com/ollama", "example.com:11434"),
            ("::1", "[::1]:11434"),
            ("[::1]", "[::1]:11434"),
            ("[::1]:1337", "[::1]:1337"),
            ("http://[2001:db8::1]:1337", "[2001:db8::1]:1337"),
            ("0.0.0.0:65535", "0.0.0.0:65535"),
        ] {
            assert_eq!(HostAddress::parse(text).unwrap().to_string(), wanted, "{text}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for (text, wanted) in [
            ("localhost:66000", "the port '66000'"),
            ("localhost:-1", "the port '-1'"),
            ("localhost:", "the port ''"),
            ("70000", "the port '70000'"),
            ("ftp://localhost", "the scheme 'ftp'"),
            ("[::1", "its bracket"),
            ("[::1]x", "'x' stands behind"),
            ("[localhost:1]:80", "'localhost:1'"),
            ("a b", "'a b'"),
            ("user@host", "'user@host'"),
        ] {
            let error = HostAddress::parse(text).unwrap_err();
            assert!(error.starts_with(wanted), "{text}: {error}");
        }
    }

    #[test]
    fn loopback_is_told_apart() {
        for (text, wanted) in [
            ("", true),
            ("localhost", true),
            ("127.9.9.9", true),
            ("[::1]", true),
            (":80", false),
            ("0.0.0.0", false),
            ("192.168.0.2", false),
            ("localhost.example.org", false),
        ] {
            assert_eq!(HostAddress::parse(text).unwrap().is_loopback(), wanted, "{text}");
        }
    }
}
