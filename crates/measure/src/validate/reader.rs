//! One of two models that read the same text, window by window.

use engine::Session;
use kernels::Plan;

use super::answers::Answers;
use super::layers::{self, Streams, StreamsTap};
use super::{Compared, Loaded};
use crate::kl::{Other, WithNext};
use crate::read::{Watch, scored};
use crate::{Divergence, Error, Windows};

/// A model whose layers are looked at while it reads, where its device shows them.
pub struct Reader<'a> {
    session: &'a mut Session,
    streams: Option<Streams>,
}

/// What is known about two models so far.
#[derive(Default)]
pub struct Comparison {
    divergence: Divergence,
    layers: layers::Errors,
}

impl Comparison {
    /// What is said.
    pub fn divergence(&self) -> &Divergence {
        &self.divergence
    }
}

impl<'a> Reader<'a> {
    /// Puts a tap into the model's player.
    ///
    /// # Errors
    /// Whatever the player reports.
    pub fn new(Loaded { session, plan }: Loaded<'a>) -> Result<Reader<'a>, Error> {
        let streams = tapped(session, plan)?;
        Ok(Reader { session, streams })
    }

    /// Reads window `i` as the baseline; `answers` then holds what it said.
    ///
    /// # Errors
    /// Whatever the session reports; [`Error::Cancelled`].
    pub async fn answer(
        &mut self,
        windows: &Windows,
        i: usize,
        watch: &mut dyn Watch,
        answers: &mut Answers,
    ) -> Result<(), Error> {
        let mut place = answers.rows.iter_mut();
        scored(self.session, windows, i, watch, |row, next| {
            if let Some((place, log_prob)) = place.next() {
                place.encode(&row);
                *log_prob = Other::log_prob(&row, next as usize);
            }
            Ok(())
        })
        .await?;
        answers.streams = self.streams.as_ref().map(Streams::take).unwrap_or_default();
        Ok(())
    }

    /// Reads window `i` as the other model, and compares it with what the baseline said there.
    ///
    /// # Errors
    /// Whatever the session reports; [`Error::Cancelled`].
    pub async fn compare(
        &mut self,
        windows: &Windows,
        i: usize,
        watch: &mut dyn Watch,
        base: &Answers,
        so_far: &mut Comparison,
    ) -> Result<(), Error> {
        let mut place = base.rows.iter();
        let divergence = &mut so_far.divergence;
        scored(self.session, windows, i, watch, |row, next| {
            if let Some((base, log_prob)) = place.next() {
                let next = next as usize;
                let base = WithNext { row: base, next, log_prob: *log_prob };
                divergence.add(&row, &base, next);
            }
            Ok(())
        })
        .await?;
        if let Some(streams) = &self.streams {
            so_far.layers.add(&base.streams, &streams.take());
        }
        Ok(())
    }

    /// Takes the tap out.
    ///
    /// # Errors
    /// Whatever the player reports.
    pub fn finish(self) -> Result<(), Error> {
        self.session.set_tap(None)?;
        Ok(())
    }

    /// As [`Reader::finish`], with the comparison of this model as a whole.
    ///
    /// # Errors
    /// Whatever the player reports.
    pub fn conclude(self, comparison: Comparison) -> Result<Compared, Error> {
        let info = self.session.model_info();
        let (n_bytes, main_type) = (info.weight_bytes, info.main_type.clone());
        self.finish()?;
        let Comparison { divergence, layers } = comparison;
        let layers = layers.finish();
        Ok(Compared { n_bytes, main_type, divergence, layers, ..Compared::default() })
    }
}

/// Has a tap keep rows of the residual stream, where the device can.
fn tapped(session: &mut Session, plan: &Plan) -> Result<Option<Streams>, Error> {
    let (tap, streams) = StreamsTap::new(plan);
    Ok(session.set_tap(Some(Box::new(tap)))?.then_some(streams))
}
