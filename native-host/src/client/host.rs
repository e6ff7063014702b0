//! `OLLAMA_HOST`: which server is meant. The rules are Ollama's.

/// Where a server is when nothing is said.
const DEFAULT_HOST: &str = "127.0.0.1";
/// Ollama's port.
const DEFAULT_PORT: u16 = 11434;

/// A server's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    scheme: &'static str,
    host: String,
    port: u16,
    path: String,
}

impl Host {
    /// `host`, `host:port`, `:port`, `http://…`, `https://…`, with a path or without; and a warning
    /// where a port is none, for which the default stands then.
    pub fn parse(text: &str) -> (Host, Option<String>) {
        let text = text.trim().trim_matches(['"', '\'']);
        let (scheme, rest, port) = match text.split_once("://") {
            Some(("https", rest)) => ("https", rest, 443),
            Some(("http", rest)) => ("http", rest, 80),
            Some((_, rest)) => ("http", rest, DEFAULT_PORT),
            None => ("http", text, DEFAULT_PORT),
        };
        let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, written) = split_port(place);
        let number = written.and_then(|port| port.parse().ok());
        let warning = match (written, number) {
            (Some(wrong), None) => {
                Some(format!("OLLAMA_HOST has '{wrong}' as its port; {port} is used instead"))
            }
            _ => None,
        };
        let path = path.trim_end_matches('/');
        let path = if path.is_empty() { String::new() } else { format!("/{path}") };
        let host = reachable(host).to_owned();
        (Host { scheme, host, port: number.unwrap_or(port), path }, warning)
    }

    /// The address of a request.
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{}{path}", self.scheme, self.address(), self.path)
    }

    /// `host:port`.
    pub fn address(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// True for what stands there when nothing is said.
    pub fn is_default(&self) -> bool {
        *self == Host::parse("").0
    }
}

/// Host and port of `host:port`, `[v6]:port`, or a bare address of either kind.
fn split_port(place: &str) -> (&str, Option<&str>) {
    if let Some((host, rest)) = place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return (host, rest.strip_prefix(':'));
    }
    match place.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') => (host, Some(port)),
        _ => (place, None),
    }
}

/// Servers listen on "every address"; clients need one of them.
fn reachable(host: &str) -> &str {
    match host {
        "" | "0.0.0.0" => DEFAULT_HOST,
        "::" => "::1",
        host => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_ollama_reads_them() {
        let rows = [
            ("", "http://127.0.0.1:11434/x"),
            ("example.org", "http://example.org:11434/x"),
            ("example.org:80", "http://example.org:80/x"),
            (":1234", "http://127.0.0.1:1234/x"),
            ("0.0.0.0:5", "http://127.0.0.1:5/x"),
            ("http://h", "http://h:80/x"),
            ("https://h/", "https://h:443/x"),
            ("https://h:1/a/b/", "https://h:1/a/b/x"),
            ("[::1]", "http://[::1]:11434/x"),
            ("[::]:7", "http://[::1]:7/x"),
            ("::1", "http://[::1]:11434/x"),
            ("\"h\"", "http://h:11434/x"),
        ];
        for (text, url) in rows {
            let (host, warning) = Host::parse(text);
            assert_eq!((host.url("/x").as_str(), warning), (url, None), "{text}");
        }
        let (host, warning) = Host::parse("h:99999");
        assert_eq!(host.url("/"), "http://h:11434/");
        assert!(warning.is_some_and(|text| text.contains("99999")));
        assert!(Host::parse("localhost:11434").0 != Host::parse("").0);
        assert!(Host::parse("http://127.0.0.1:11434").0.is_default());
    }
}
