//! Model names: `[host/][namespace/]model[:tag][@digest]`, with Ollama's defaults and rules.
//!
//! A `Name` is always complete and always valid, so it can be a path and part of an address
//! without another check. Device names of Windows (`con`, `nul`) are refused everywhere: a store
//! is a folder that people copy between machines.

mod rules;

use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;
use crate::error::Error;
use crate::limits::NAME_CHARS;
use rules::{Kind, check};

/// Where models without a host come from.
pub const DEFAULT_HOST: &str = "registry.ollama.ai";
/// Namespace of models without one.
pub const DEFAULT_NAMESPACE: &str = "library";
/// Tag of models without one.
pub const DEFAULT_TAG: &str = "latest";

/// A complete, valid model name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    host: String,
    namespace: String,
    model: String,
    tag: String,
    digest: Option<Digest>,
}

impl Name {
    /// A name of its four parts.
    ///
    /// # Errors
    /// [`Error::Name`] for a part that breaks the rules.
    pub fn from_parts(host: &str, namespace: &str, model: &str, tag: &str) -> Result<Name, Error> {
        let parts = [
            (Kind::Host, host),
            (Kind::Namespace, namespace),
            (Kind::Model, model),
            (Kind::Tag, tag),
        ];
        for (kind, part) in parts {
            check(kind, part)
                .map_err(|reason| refuse(&parts.map(|(_, part)| part).join("/"), reason))?;
        }
        let [host, namespace, model, tag] = [host, namespace, model, tag].map(str::to_owned);
        Ok(Name { host, namespace, model, tag, digest: None })
    }

    /// `registry.ollama.ai`, `hf.co`, `localhost:5000`.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// `library`, or the owner of a repository.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// `llama3`.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// `latest`, `8b`, `Q4_K_M`.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The digest of the manifest that is meant, where the name pins one.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// `namespace/model`, the repository as registries know it.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.namespace, self.model)
    }

    /// The host to ask, without `hf.co`'s redirect.
    pub fn registry_host(&self) -> &str {
        match self.host.as_str() {
            "hf.co" | "huggingface.co" => "huggingface.co",
            host => host,
        }
    }

    /// True for repositories at Hugging Face, whose tags are quantizations.
    pub fn is_hugging_face(&self) -> bool {
        self.registry_host() == "huggingface.co"
    }

    /// What people see: without a host and namespace that are the default ones.
    pub fn short(&self) -> String {
        let is_default = self.host == DEFAULT_HOST;
        let base = format!("{}:{}", self.model, self.tag);
        match (is_default, self.namespace == DEFAULT_NAMESPACE) {
            (true, true) => base,
            (true, false) => format!("{}/{base}", self.namespace),
            (false, _) => format!("{}/{}/{base}", self.host, self.namespace),
        }
    }

    /// The same name as another, but for upper and lower case. Pinned digests do not count.
    pub fn matches(&self, other: &Name) -> bool {
        self.host.eq_ignore_ascii_case(&other.host)
            && self.namespace.eq_ignore_ascii_case(&other.namespace)
            && self.model.eq_ignore_ascii_case(&other.model)
            && self.tag.eq_ignore_ascii_case(&other.tag)
    }

    /// The name without a pinned digest.
    pub fn unpinned(&self) -> Name {
        Name { digest: None, ..self.clone() }
    }
}

impl FromStr for Name {
    type Err = Error;

    fn from_str(text: &str) -> Result<Name, Error> {
        if text.chars().count() > NAME_CHARS {
            let start: String = text.chars().take(40).collect();
            return Err(refuse(&start, format!("it is longer than {NAME_CHARS} characters")));
        }
        let rest = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
        let rest = rest.unwrap_or(text);
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse::<Digest>()?)),
            None => (rest, None),
        };
        // A `:` behind the last `/` begins the tag; one before it belongs to the host's port.
        let name_at = rest.rfind('/').map_or(0, |slash| slash + 1);
        let (path, tag) = match rest.rfind(':').filter(|colon| *colon >= name_at) {
            Some(colon) => (rest.get(..colon).unwrap_or(""), rest.get(colon + 1..).unwrap_or("")),
            None => (rest, DEFAULT_TAG),
        };
        let parts: Vec<&str> = path.split('/').collect();
        let (host, namespace, model) = match parts.as_slice() {
            [model] => (DEFAULT_HOST, DEFAULT_NAMESPACE, *model),
            [namespace, model] => (DEFAULT_HOST, *namespace, *model),
            [host, namespace, model] => (*host, *namespace, *model),
            _ => {
                let reason = "it has more parts than host/namespace/model:tag".to_owned();
                return Err(refuse(text, reason));
            }
        };
        let parts = [
            (Kind::Host, host),
            (Kind::Namespace, namespace),
            (Kind::Model, model),
            (Kind::Tag, tag),
        ];
        for (kind, part) in parts {
            check(kind, part).map_err(|reason| refuse(text, reason))?;
        }
        Ok(Name { digest, ..Name::from_parts(host, namespace, model, tag)? })
    }
}

impl fmt::Display for Name {
    /// The short form, with the digest where one is pinned.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())?;
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

fn refuse(name: &str, reason: String) -> Error {
    Error::Name { name: name.to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_their_short_forms() {
        let rows = [
            ("llama3", "registry.ollama.ai/library/llama3/latest", "llama3:latest"),
            ("llama3:8b", "registry.ollama.ai/library/llama3/8b", "llama3:8b"),
            ("me/llama3", "registry.ollama.ai/me/llama3/latest", "me/llama3:latest"),
            ("registry.ollama.ai/library/x", "registry.ollama.ai/library/x/latest", "x:latest"),
            ("localhost:5000/a/b:c", "localhost:5000/a/b/c", "localhost:5000/a/b:c"),
            (
                "hf.co/bart/L-3.2_1B-GGUF:Q4_K_M",
                "hf.co/bart/L-3.2_1B-GGUF/Q4_K_M",
                "hf.co/bart/L-3.2_1B-GGUF:Q4_K_M",
            ),
            ("https://hf.co/a/b", "hf.co/a/b/latest", "hf.co/a/b:latest"),
            ("http://h:1/a/b:t", "h:1/a/b/t", "h:1/a/b:t"),
            ("_x:_y", "registry.ollama.ai/library/_x/_y", "_x:_y"),
            (
                "Qwen2.5-Coder:1.5b",
                "registry.ollama.ai/library/Qwen2.5-Coder/1.5b",
                "Qwen2.5-Coder:1.5b",
            ),
        ];
        for (text, parts, short) in rows {
            let name: Name = text.parse().unwrap();
            let found = [name.host(), name.namespace(), name.model(), name.tag()].join("/");
            assert_eq!((found.as_str(), name.short().as_str()), (parts, short), "{text}");
        }
    }

    #[test]
    fn a_digest_pins_a_manifest() {
        let digest = Digest::of(b"x");
        let name: Name = format!("a/b:c@{digest}").parse().unwrap();
        assert_eq!((name.tag(), name.digest()), ("c", Some(digest)));
        assert_eq!(name.to_string(), format!("a/b:c@{digest}"));
        assert!(name.matches(&"A/B:C".parse().unwrap()));
        assert_eq!(name.unpinned().to_string(), "a/b:c");
    }

    #[test]
    fn bad_names_are_refused() {
        let long = "a".repeat(81);
        let huge = "a".repeat(10_000);
        let rows = [
            "",
            ":",
            "/",
            "a:",
            ":b",
            "a//b",
            "a/b/c/d",
            "../../etc/passwd",
            "/abs",
            "..",
            ".a",
            "-a",
            "a/..:x",
            "a:..",
            "a b",
            "a\\b",
            "a\0b",
            "a\nb",
            "\u{1b}[2J",
            "a\u{202e}b",
            "é",
            "con",
            "NUL",
            "a:com1",
            "lpt9.x/m",
            "ns.dot/m",
            "http://169.254.169.254/x",
            "a@sha256:12",
            "a@md5:x",
            "a:b:c",
            "file:///etc/passwd",
            "a%2e%2e",
            "x/aux",
            "~a",
            &long,
            &huge,
        ];
        for text in rows {
            let error = text.parse::<Name>().unwrap_err();
            assert!(matches!(error, Error::Name { .. } | Error::Digest { .. }), "{text}: {error}");
            assert!(!error.to_string().chars().any(char::is_control), "{error}");
        }
    }

    #[test]
    fn parts_at_their_longest_are_good() {
        let (host, part) = ("h".repeat(350), "p".repeat(80));
        let name: Name = format!("{host}/{part}/{part}:{part}").parse().unwrap();
        assert_eq!(name.host().len(), 350);
        assert!(format!("h{host}/{part}/{part}").parse::<Name>().is_err());
    }

    #[test]
    fn hugging_face_has_two_hosts() {
        for text in ["hf.co/a/b:Q8_0", "huggingface.co/a/b"] {
            assert_eq!(text.parse::<Name>().unwrap().registry_host(), "huggingface.co");
        }
        assert!(!"a/b".parse::<Name>().unwrap().is_hugging_face());
    }

    proptest! {
        #[test]
        fn a_name_is_the_name_of_its_short_form(text in "[a-zA-Z0-9_.:/@-]{1,60}") {
            if let Ok(name) = text.parse::<Name>() {
                prop_assert_eq!(name.to_string().parse::<Name>(), Ok(name));
            }
        }

        #[test]
        fn any_text_is_a_name_or_an_error(text in any::<String>()) {
            if let Ok(name) = text.parse::<Name>() {
                for part in [name.host(), name.namespace(), name.model(), name.tag()] {
                    prop_assert!(!part.is_empty() && !part.starts_with('.'));
                    prop_assert!(!part.contains(['/', '\\', '\0']));
                }
            }
        }
    }
}
