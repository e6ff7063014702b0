//! What a stored model brings beside its weights: template, system prompt, first messages and
//! parameters of its Modelfile.
//!
//! The router looks this up for each request; here it is for the page's own calls, which go past
//! the router. It is read at the load, and again for each answer once the router has made a model
//! here: a template that was chosen meanwhile counts from the next answer on.

use std::rc::Rc;

use api::host::{LibraryError, RenderRequest, RunError};
use api::types::Options;
use engine::{Prompt, Request};
use hosting::runner::TextSide;

use crate::convert::Thinking;
use crate::edge::Inner;
use crate::error::EdgeError;

/// What is said of a model that brings some.
pub const NO_ADAPTERS: &str =
    "adapters are not supported; use a model with the adapter merged into it";

/// See the module's header. All empty for a file that was loaded from where it lies.
#[derive(Default)]
pub struct Own {
    /// Of the stored model.
    pub name: Option<String>,
    /// Jinja or Go; `None`: the file's own.
    pub template: Option<String>,
    system: Option<String>,
    messages: Vec<chat::Message>,
    /// Where the page says nothing else.
    pub options: Options,
}

impl Own {
    /// Of the stored model of this name, if it is one.
    ///
    /// # Errors
    /// Texts that cannot be read, parameters without a meaning; adapters, which are not supported.
    pub async fn of(inner: &Rc<Inner>, name: Option<String>) -> Result<Own, EdgeError> {
        let Some(called) = &name else { return Ok(Own::default()) };
        let model = match inner.page().stored(called).await {
            Ok(model) => model,
            // It was deleted meanwhile; what is loaded goes on.
            Err(LibraryError::NotFound(_)) => return Ok(Own { name, ..Own::default() }),
            Err(error) => return Err(EdgeError::new("model.damaged", error.to_string())),
        };
        if !model.adapters.is_empty() {
            return Err(EdgeError::new("model.unsupported", NO_ADAPTERS));
        }
        let options = Options::read(&model.params)
            .map_err(|error| EdgeError::new("model.damaged", error.message))?;
        let (template, system, messages) = (model.template, model.system, model.messages);
        Ok(Own { name, template, system, messages, options })
    }

    /// A prompt for these messages: the model's own come first, and `template` is taken before the
    /// model's.
    ///
    /// # Errors
    /// A template that refuses or fails.
    pub fn request(
        &self,
        asked: Vec<chat::Message>,
        template: Option<String>,
        text: &TextSide,
    ) -> Result<(Request, Option<Thinking>), EdgeError> {
        let failed = |error: RunError| EdgeError::new("model.template", error.to_string());
        let has_system = asked.first().is_some_and(|message| message.role == "system");
        let system = self.system.iter().filter(|_| !has_system);
        let system = system.map(|text| chat::Message::new("system", text));
        let messages = system.chain(self.messages.iter().cloned()).chain(asked).collect();
        let template = template.or_else(|| self.template.clone());
        let prepared = text.template(template.as_deref()).map_err(failed)?;
        let asked = RenderRequest { messages, template, ..RenderRequest::default() };
        let rendered = text.render(&asked).map_err(failed)?;
        let thinking = prepared.thinking().map(|tags| Thinking {
            open: tags.open.clone(),
            close: tags.close.clone(),
            begun: rendered.text.trim_end().ends_with(&tags.open),
        });
        let mut request = Request::new(Prompt::Tokens(rendered.tokens));
        request.stop = rendered.stop;
        request.show = prepared.marks(&[]);
        Ok((request, thinking))
    }
}
