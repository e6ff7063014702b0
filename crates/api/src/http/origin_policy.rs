//! Which web pages may ask, and may read the answer.

/// Schemes that no web site can have: programs' own pages, and browser extensions.
const OWN_SCHEMES: [&str; 8] = [
    "app",
    "file",
    "tauri",
    "vscode-webview",
    "vscode-file",
    "chrome-extension",
    "moz-extension",
    "safari-web-extension",
];

/// Hosts of pages that this machine serves itself.
const OWN_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "0.0.0.0"];

/// One form of origins.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    /// `*`
    Any,
    /// `https://example.org`
    Exact(String),
    /// `app://*`
    Scheme(String),
    /// `http://localhost:*`; without the colon.
    AnyPort(String),
    /// `https://*.example.org`: what stands before and behind the star.
    Within(String, String),
}

impl Pattern {
    fn parse(text: &str) -> Pattern {
        let text = text.trim().trim_end_matches('/').to_ascii_lowercase();
        match text.split_once('*') {
            None => Pattern::Exact(text),
            Some(("", "")) => Pattern::Any,
            Some((head, "")) if head.ends_with("://") => Pattern::Scheme(head.into()),
            Some((head, "")) if head.ends_with(':') => {
                Pattern::AnyPort(head.trim_end_matches(':').into())
            }
            Some((head, tail)) => Pattern::Within(head.into(), tail.into()),
        }
    }

    fn allows(&self, origin: &str) -> bool {
        match self {
            Pattern::Any => true,
            Pattern::Exact(exact) => origin == exact,
            Pattern::Scheme(scheme) => origin.starts_with(scheme),
            Pattern::AnyPort(site) => {
                let port =
                    origin.strip_prefix(site.as_str()).and_then(|rest| rest.strip_prefix(':'));
                port.is_some_and(|port| {
                    !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit())
                })
            }
            // The star stands for a part of a name, never for a slash, a port or a user.
            Pattern::Within(head, tail) => {
                let rest = origin.strip_prefix(head.as_str());
                let part = rest.and_then(|rest| rest.strip_suffix(tail.as_str()));
                part.is_some_and(|part| !part.is_empty() && !part.contains(['/', ':', '@']))
            }
        }
    }
}

/// The origins whose pages may use this server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OriginPolicy(Vec<Pattern>);

impl OriginPolicy {
    /// Ollama's: pages of this machine on any port, programs' own pages, extensions, and the comma
    /// list of `OLLAMA_ORIGINS` (`*` is everyone).
    pub fn ollama(list: &str) -> OriginPolicy {
        let mut policy = OriginPolicy::listed(list);
        for host in OWN_HOSTS {
            for scheme in ["http", "https"] {
                let site = format!("{scheme}://{host}");
                policy.0.push(Pattern::AnyPort(site.clone()));
                policy.0.push(Pattern::Exact(site));
            }
        }
        policy.0.extend(OWN_SCHEMES.map(|scheme| Pattern::Scheme(format!("{scheme}://"))));
        policy
    }

    /// Only the origins of a comma list; other programs of this machine count as strangers.
    pub fn listed(list: &str) -> OriginPolicy {
        let texts = list.split(',').filter(|text| !text.trim().is_empty());
        OriginPolicy(texts.map(Pattern::parse).collect())
    }

    /// Whether everyone is allowed.
    pub fn is_any(&self) -> bool {
        self.0.contains(&Pattern::Any)
    }

    /// Whether a page of this origin may ask. `null`, the origin of sandboxed frames and of files,
    /// could be anyone: it needs `*`.
    pub fn allows(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        let is_origin = origin.contains("://") && !origin.contains(['@', ' ', ',', '?', '#']);
        self.is_any() || is_origin && self.0.iter().any(|pattern| pattern.allows(&origin))
    }
}
