//! From what a request says to the ids a slot begins with: templates, special tokens, and what is
//! done with a prompt that is longer than the context.

use chat::{Guard, RenderOptions};
use kernels::Sampling;
use tokenizer::{Detokenizer, Encode, Tokenizer};

use crate::answer::Answer;
use crate::embed::Embed;
use crate::error::Error;
use crate::generate::Generation;
use crate::request::{Prompt, Request};
use crate::score::Score;
use crate::session::Session;
use crate::slot::{Task, best_free};
use crate::summary::Summary;

/// What is left of the context for the answer when a prompt is cut: a quarter, so that an answer
/// is worth reading.
const ANSWER_SHARE: usize = 4;

/// Ids of a prompt's text: as the file wants it, but with one BOS where the template writes its
/// own, and without the EOS some files append: a prompt is there to be continued. `is_guarded`:
/// the marks of a [`Guard`] are in it, which are removed. Models that only embed texts get theirs
/// between the two tokens they always stand between.
pub fn encode_prompt(tokenizer: &Tokenizer, text: &str, is_guarded: bool) -> Vec<u32> {
    if tokenizer.separator().is_some() {
        let options = Encode { add_special: true, parse_special: true };
        return match is_guarded {
            true => tokenizer.encode_marked(text, options, Guard::MARK),
            false => tokenizer.encode(text, options),
        };
    }
    let own = |id: Option<u32>| id.and_then(|id| tokenizer.token_text(id));
    let has_bos = own(tokenizer.bos()).is_some_and(|bos| text.starts_with(bos));
    let has_eos = own(tokenizer.eos()).is_some_and(|eos| text.ends_with(eos));
    let options = Encode { add_special: !has_bos, parse_special: true };
    let mut ids = match is_guarded {
        true => tokenizer.encode_marked(text, options, Guard::MARK),
        false => tokenizer.encode(text, options),
    };
    if !has_bos && !has_eos && ids.len() > 1 && ids.last().copied() == tokenizer.eos() {
        ids.pop();
    }
    ids
}

impl Session {
    /// Ids of a prompt, checked against the vocabulary.
    ///
    /// # Errors
    /// A template that fails, ids outside the vocabulary, [`Error::EmptyPrompt`].
    pub fn prompt_ids(&self, prompt: &Prompt) -> Result<Vec<u32>, Error> {
        let ids = match prompt {
            Prompt::Tokens(ids) => ids.clone(),
            Prompt::Text(text) => encode_prompt(&self.text.tokenizer, text, false),
            Prompt::Conversation(conversation) => {
                let now = (self.env.now_local)();
                encode_prompt(&self.text.tokenizer, &conversation.render(&self.text, now)?, true)
            }
            Prompt::Messages(messages) => {
                let options = RenderOptions {
                    add_generation_prompt: true,
                    now: Some((self.env.now_local)()),
                    ..RenderOptions::default()
                };
                let messages = self.text.guard.messages(messages);
                encode_prompt(
                    &self.text.tokenizer,
                    &self.text.template.render(&messages, &options)?,
                    true,
                )
            }
        };
        if ids.is_empty() {
            return Err(Error::EmptyPrompt);
        }
        self.check_ids(&ids)?;
        Ok(ids)
    }

    /// An error for a model that writes no text.
    pub(crate) fn check_writes(&self) -> Result<(), Error> {
        if self.model_info().only_embeds { Err(Error::OnlyEmbeds) } else { Ok(()) }
    }

    fn check_ids<'a>(&self, ids: impl IntoIterator<Item = &'a u32>) -> Result<(), Error> {
        let n_vocab = self.model_info().dims.n_vocab;
        match ids.into_iter().find(|&&id| id as usize >= n_vocab) {
            Some(&id) => Err(Error::Token { id, n_vocab }),
            None => Ok(()),
        }
    }

    /// Starts a generation; nothing is computed before its first step. For callers with one
    /// conversation: others that were [admitted](Session::admit) go on in its steps, but what came
    /// of them is not seen there.
    ///
    /// # Errors
    /// As [`Session::admit`].
    pub fn generate(&mut self, request: Request) -> Result<Generation<'_>, Error> {
        let slot = self.admit(request)?;
        self.lent = Some(slot);
        Ok(Generation::new(self, slot))
    }

    /// Puts a request into the free slot whose cache has most of its prompt, to be answered in the
    /// [rounds](Session::round) to come; gives the slot. Nothing is computed yet.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::Grammar`], [`Error::PromptTooLong`], [`Error::NoSlot`], and
    /// those of [`Session::prompt_ids`].
    pub fn admit(&mut self, mut request: Request) -> Result<usize, Error> {
        self.check_writes()?;
        request.check()?;
        self.check_ids(request.logit_bias.iter().map(|bias| &bias.0))?;
        self.check_ids(&request.resume)?;
        let own_template = match &request.prompt {
            Prompt::Messages(_) => true,
            Prompt::Conversation(conversation) => conversation.template.is_none(),
            Prompt::Text(_) | Prompt::Tokens(_) => false,
        };
        if own_template {
            // A fallback form has no end token of its own.
            let own = self.text.template.stop_strings();
            request.stop.extend(own.iter().map(|stop| (*stop).to_owned()));
        }
        let form = request.grammar.as_ref().map(|grammar| self.text.forms.form(grammar));
        let form = form.transpose()?;
        let mut ids = self.prompt_ids(&request.prompt)?;
        let truncated_tokens = truncate(&mut ids, &request, self.n_ctx())?;
        let i = self.take_slot(&ids)?;
        let seed = request.seed.unwrap_or_else(|| (self.env.entropy)());
        let sampling = Sampling { seed, ..request.sampling };
        let can_sample = self.player.can_sample(&sampling);
        let shown = request.show.iter().filter_map(|text| self.text.tokenizer.control(text));
        let detokenizer = Detokenizer::new(self.text.tokenizer.clone()).showing(shown.collect());
        let now_ms = self.now_ms();
        let slot = &mut self.slots[i];
        slot.begin(&ids, true);
        self.begin_restore(i, request.snapshot.as_deref());
        let slot = &mut self.slots[i];
        let summary = Summary {
            prompt_tokens: ids.len(),
            reused_tokens: slot.n_cached,
            truncated_tokens,
            ..Summary::default()
        };
        let answer = Answer::new(request, sampling, form, can_sample, detokenizer, summary, now_ms);
        slot.task = Some(Task::Answer(Box::new(answer)));
        Ok(i)
    }

    /// Puts texts into a free slot, to be embedded in the rounds to come; gives the slot. When its
    /// outcome is [`Step::Done`](crate::Step::Done), [`Session::release`] has the vectors. Texts
    /// longer than the context are cut at their end with `truncate`.
    ///
    /// # Errors
    /// As [`Session::admit`].
    pub fn admit_embed(&mut self, inputs: &[Prompt], truncate: bool) -> Result<usize, Error> {
        let n_ctx = self.n_ctx();
        let mut texts = Vec::with_capacity(inputs.len());
        let mut n_cut = 0;
        for input in inputs {
            let mut ids = match input {
                Prompt::Text(text) => self.embed_ids(text)?,
                other => self.prompt_ids(other)?,
            };
            if ids.len() > n_ctx && !truncate {
                return Err(Error::InputTooLong { need: ids.len(), have: n_ctx });
            }
            n_cut += self.cut(&mut ids);
            texts.push(ids);
        }
        let info = self.model_info();
        let mut embed = Embed::new(info.pooling, info.dims.dim, texts, n_cut);
        let i = self.take_slot(&[])?;
        let slot = &mut self.slots[i];
        slot.clear();
        if let Some(ids) = embed.next_input() {
            slot.begin(&ids, false);
        }
        slot.task = Some(Task::Embed(Box::new(embed)));
        Ok(i)
    }

    /// Cuts a text at its end to what the context holds, but for the token that ends it: models
    /// that were trained with one there find little in others' rows. Gives how many are left out.
    fn cut(&self, ids: &mut Vec<u32>) -> usize {
        let (n_ctx, tokenizer) = (self.n_ctx(), &self.text.tokenizer);
        let n_cut = ids.len().saturating_sub(n_ctx);
        let closing = [tokenizer.separator(), tokenizer.eos()].into_iter().flatten();
        let last = ids.last().copied().filter(|last| closing.into_iter().any(|id| id == *last));
        ids.truncate(n_ctx);
        if let (1.., Some(place), Some(last)) = (n_cut, ids.last_mut(), last) {
            *place = last;
        }
        n_cut
    }

    /// Puts a text into a free slot, to be scored in the rounds to come; gives the slot. When its
    /// outcome is [`Step::Done`](crate::Step::Done), [`Session::take_scores`] has one entry for
    /// each id from the second on, with the `top` most probable ones.
    ///
    /// # Errors
    /// [`Error::PromptTooLong`] for more ids than the context holds, [`Error::EmptyPrompt`],
    /// [`Error::Token`], [`Error::NoSlot`].
    pub fn admit_score(&mut self, ids: Vec<u32>, top: usize) -> Result<usize, Error> {
        let ids = self.prompt_ids(&Prompt::Tokens(ids))?;
        if ids.len() > self.n_ctx() {
            return Err(Error::PromptTooLong { need: ids.len(), have: self.n_ctx() });
        }
        let (score, ids) = Score::new(ids, top);
        let i = self.take_slot(&[])?;
        let slot = &mut self.slots[i];
        slot.begin(&ids, false);
        slot.task = Some(Task::Score(Box::new(score)));
        Ok(i)
    }

    /// As the file wants texts that are not continued: with the end token, if it asks for one.
    fn embed_ids(&self, text: &str) -> Result<Vec<u32>, Error> {
        let options = Encode { add_special: true, parse_special: true };
        let ids = self.text.tokenizer.encode(text, options);
        if ids.is_empty() { Err(Error::EmptyPrompt) } else { Ok(ids) }
    }

    /// Gives out the free slot that suits `ids` best.
    pub(crate) fn take_slot(&mut self, ids: &[u32]) -> Result<usize, Error> {
        self.reclaim();
        let n_slots = self.slots.len();
        let i = best_free(&self.slots, ids).ok_or(Error::NoSlot { n_slots })?;
        self.n_requests += 1;
        self.slots[i].used = self.n_requests;
        Ok(i)
    }
}

/// Cuts the middle out of a prompt that does not fit, if the request allows it: the first
/// `num_keep` tokens stay, and the newest. Gives how many are left out.
fn truncate(ids: &mut Vec<u32>, request: &Request, n_ctx: usize) -> Result<usize, Error> {
    if ids.len() < n_ctx {
        return Ok(0);
    }
    if !request.truncate {
        return Err(Error::PromptTooLong { need: ids.len(), have: n_ctx });
    }
    let answer = request.max_tokens.unwrap_or(n_ctx).clamp(1, (n_ctx / ANSWER_SHARE).max(1));
    let room = n_ctx.saturating_sub(answer).max(1);
    let keep = request.num_keep.min(room / 2);
    let n_cut = ids.len() - room;
    ids.drain(keep..keep + n_cut);
    Ok(n_cut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_prompt_keeps_its_head_and_its_newest() {
        let cut = |n: u32, num_keep, max_tokens, n_ctx| {
            let mut ids: Vec<u32> = (0..n).collect();
            let prompt = Prompt::Tokens(Vec::new());
            let request = Request { truncate: true, num_keep, max_tokens, ..Request::new(prompt) };
            truncate(&mut ids, &request, n_ctx).map(|n| (n, ids)).ok()
        };
        assert_eq!(cut(7, 2, None, 8), Some((0, (0..7).collect())));
        assert_eq!(cut(8, 2, None, 8), Some((2, vec![0, 1, 4, 5, 6, 7])));
        assert_eq!(cut(100, 2, Some(1), 8), Some((93, vec![0, 1, 95, 96, 97, 98, 99])));
        assert_eq!(cut(100, 99, None, 8), Some((94, vec![0, 1, 2, 97, 98, 99])));
        assert_eq!(cut(100, 0, None, 2), Some((99, vec![99])));
    }
}
