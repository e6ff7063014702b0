//! One type over both template languages.
//!
//! Model files bring Jinja, Modelfiles and Ollama's library bring Go templates; whoever renders a
//! conversation need not know which. What a template can do (tools, thinking, a suffix) is read
//! from the template itself.

use crate::clock::Moment;
use crate::error::Error;
use crate::go_template::GoTemplate;
use crate::message::{Message, RenderOptions, SpecialTokens};
use crate::stream::{ThinkingTags, ToolFormat};
use crate::template::ChatTemplate;

/// A chat template in either language.
#[derive(Debug)]
pub enum Template {
    /// Jinja, or a plain format where a file has no usable template.
    Jinja(Box<ChatTemplate>),
    /// Go's `text/template` as Ollama uses it.
    Go(Box<GoTemplate>),
}

/// What a template has a place for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// Tool definitions.
    pub tools: bool,
    /// A text behind the place where the model writes.
    pub insert: bool,
    /// Thinking before the answer.
    pub thinking: bool,
}

/// The date of renderings nobody reads: some templates print one and fail without it.
const PROBE_DATE: Moment = Moment { year: 2026, month: 1, day: 1, hour: 0, minute: 0, second: 0 };

impl From<ChatTemplate> for Template {
    fn from(template: ChatTemplate) -> Template {
        Template::Jinja(Box::new(template))
    }
}

impl From<GoTemplate> for Template {
    fn from(template: GoTemplate) -> Template {
        Template::Go(Box::new(template))
    }
}

impl Template {
    /// A template in whichever language it is written: Jinja if it has a statement or comment of
    /// Jinja, Go if it compiles as Go, Jinja otherwise.
    ///
    /// # Errors
    /// Those of the language it was taken for.
    pub fn parse(source: impl Into<String>, tokens: &SpecialTokens) -> Result<Template, Error> {
        let source = source.into();
        let jinja = |source| ChatTemplate::with_source(source, tokens.clone()).map(Template::from);
        if source.contains("{%") || source.contains("{#") {
            return jinja(source);
        }
        match GoTemplate::new(source.clone()) {
            Ok(template) => Ok(template.into()),
            Err(error) => {
                // Of two errors the one of the language it looks like is told.
                let is_go = ["{{.", "{{ .", "{{- ."].iter().any(|start| source.contains(start));
                jinja(source).map_err(|other| if is_go { error } else { other })
            }
        }
    }

    /// The template's source.
    #[must_use]
    pub fn source(&self) -> &str {
        match self {
            Template::Jinja(template) => template.source(),
            Template::Go(template) => template.source(),
        }
    }

    /// The conversation as one text.
    ///
    /// # Errors
    /// As [`ChatTemplate::render`] and [`GoTemplate::render`].
    pub fn render(&self, messages: &[Message], options: &RenderOptions) -> Result<String, Error> {
        match self {
            Template::Jinja(template) => template.render(messages, options),
            Template::Go(template) => template.render(messages, options),
        }
    }

    /// A text with a hole between `prompt` and `suffix`, which the model fills.
    ///
    /// # Errors
    /// [`Error::NoInsert`] where the template has no place for a suffix; as
    /// [`GoTemplate::insert`] otherwise.
    pub fn insert(
        &self,
        prompt: &str,
        suffix: &str,
        options: &RenderOptions,
    ) -> Result<String, Error> {
        match self {
            Template::Go(template) if template.names("suffix") => {
                template.insert(prompt, suffix, options)
            }
            _ => Err(Error::NoInsert),
        }
    }

    /// What the template has a place for.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        let thinking = self.thinking_tags().is_some();
        match self {
            Template::Jinja(template) => {
                let tools = !template.is_fallback() && has_word(template.source(), "tools");
                Capabilities { tools, insert: false, thinking }
            }
            Template::Go(template) => Capabilities {
                tools: template.names("tools"),
                insert: template.names("suffix"),
                thinking,
            },
        }
    }

    /// The texts around thinking; `None` where the template knows none.
    #[must_use]
    pub fn thinking_tags(&self) -> Option<ThinkingTags> {
        match self {
            Template::Jinja(template) if template.is_fallback() => None,
            Template::Jinja(template) => ThinkingTags::in_source(template.source()),
            Template::Go(template) => {
                template.thinking_tags().map(|(open, close)| ThinkingTags::new(open, close))
            }
        }
    }

    /// How the model writes tool calls; `None` where the template has no place for tools.
    #[must_use]
    pub fn tool_format(&self) -> Option<ToolFormat> {
        if !self.capabilities().tools {
            return None;
        }
        let probed = ToolFormat::probe(self.source(), |messages, tools| {
            let (tools, now) = (Some(tools.clone()), Some(PROBE_DATE));
            let options = RenderOptions { tools, now, ..RenderOptions::default() };
            self.render(messages, &options)
        });
        Some(probed.unwrap_or_default())
    }

    /// Texts that end an answer beside the model's end tokens.
    #[must_use]
    pub fn stop_strings(&self) -> &'static [&'static str] {
        match self {
            Template::Jinja(template) => template.stop_strings(),
            Template::Go(_) => &[],
        }
    }
}

/// Whether a word stands in a source, not as a part of another.
fn has_word(source: &str, word: &str) -> bool {
    let is_part = |c: char| c == '_' || c.is_alphanumeric();
    source.split(|c| !is_part(c)).any(|part| part == word)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;

    #[test]
    fn the_language_is_told_from_the_source() {
        for (source, is_go) in [
            ("{{ .Prompt }}", Some(true)),
            ("plain text", Some(true)),
            ("{% for m in messages %}{{ m.content }}{% endfor %}", Some(false)),
            ("{{ messages[0].content }}", Some(false)),
            ("{{ bos_token }}{# x #}", Some(false)),
            ("{{ .Prompt", None),
            ("{% if %}", None),
        ] {
            let template = Template::parse(source, &SpecialTokens::default());
            let got = template.ok().map(|t| matches!(t, Template::Go(_)));
            assert_eq!(got, is_go, "{source}");
        }
    }

    #[test]
    fn capabilities_are_read_from_the_template() {
        let all = |tools, insert, thinking| Capabilities { tools, insert, thinking };
        for (source, want) in [
            ("{{ .Prompt }}", all(false, false, false)),
            ("{{ .Prompt }}{{ if .Suffix }}{{ .Suffix }}{{ end }}", all(false, true, false)),
            ("{{ range .Messages }}{{ if $.Tools }}{{ end }}{{ end }}", all(true, false, false)),
            (
                "{{range .Messages}}{{if .Thinking}}<t>{{.Thinking}}</t>{{end}}{{end}}",
                all(false, false, true),
            ),
            ("{% if tools %}{{ tools }}{% endif %}", all(true, false, false)),
            ("{% set no_tools_here = 1 %}", all(false, false, false)),
            ("{% if enable_thinking %}<think>{% endif %}", all(false, false, true)),
        ] {
            let template = Template::parse(source, &SpecialTokens::default()).unwrap();
            assert_eq!(template.capabilities(), want, "{source}");
        }
    }

    #[test]
    fn a_suffix_needs_a_place() {
        let options = RenderOptions::answer();
        let with =
            Template::parse("<P>{{ .Prompt }}<S>{{ .Suffix }}<M>", &SpecialTokens::default());
        assert_eq!(with.unwrap().insert("a", "b", &options).unwrap(), "<P>a<S>b<M>");
        for source in ["{{ .Prompt }}", "{% if 1 %}{{ messages }}{% endif %}"] {
            let without = Template::parse(source, &SpecialTokens::default()).unwrap();
            assert_eq!(without.insert("a", "b", &options), Err(Error::NoInsert));
        }
    }

    #[test]
    fn thinking_reaches_templates_of_both_languages() {
        use crate::Think;
        let jinja = "{% if thinking is defined %}{{ enable_thinking }}{{ reasoning_effort }}\
                     {% endif %}{% for m in messages %}{{ m.reasoning_content }}{% endfor %}";
        let go = "{{ if .IsThinkSet }}{{ .Think }}{{ .ThinkLevel }}{{ end }}\
                  {{ range .Messages }}{{ .Thinking }}{{ end }}";
        let level = || Think::Level("high".to_owned());
        for (source, think, want) in [
            (jinja, None, "hm"),
            (jinja, Some(Think::Off), "Falsehm"),
            (jinja, Some(level()), "Truehighhm"),
            (go, None, "hm"),
            (go, Some(Think::On), "truehm"),
            (go, Some(level()), "truehighhm"),
        ] {
            let template = Template::parse(source, &SpecialTokens::default()).unwrap();
            let options = RenderOptions { think, ..RenderOptions::answer() };
            let message = Message::new("assistant", "x").with("thinking", "hm".into());
            assert_eq!(template.render(&[message], &options).unwrap(), want, "{source}");
        }
    }
}
