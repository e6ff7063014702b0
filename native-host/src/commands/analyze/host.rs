//! The model for an analysis: opened and loaded again and again, with a bar for each stage.

use std::ops::ControlFlow;
use std::path::PathBuf;

use engine::{Opened, Session};
use gguf::Gguf;
use measure::Watch;
use sensitivity::{Error, Finding, Host, Reading, Stage};

use super::super::measured::Progress;
use crate::analyses::Notes;
use crate::load::Again;
use crate::term;

/// A model of this machine.
pub struct Model {
    input: PathBuf,
    device: Again,
    progress: Option<(Stage, Progress)>,
    /// Where findings are kept, if they are.
    pub notes: Option<Notes>,
}

impl Model {
    /// The model at `input`, on a device.
    pub fn new(input: PathBuf, device: Again, notes: Option<Notes>) -> Model {
        Model { input, device, progress: None, notes }
    }

    /// Ends the bar, before something else is said, and writes what was found.
    pub fn rest(&mut self) {
        self.progress = None;
        if let Some(notes) = &mut self.notes {
            notes.write();
        }
    }
}

impl Host for Model {
    fn open(&mut self) -> Result<Gguf, Error> {
        let opened = super::super::quantize::open(&self.input);
        let opened = opened.map_err(|error| Error::Open { reason: error.to_string() })?;
        Ok(opened.gguf)
    }

    async fn load(&mut self, opened: Opened) -> Result<Session, engine::Error> {
        self.device.load(opened).await
    }

    fn watch(&mut self, stage: Stage, done: f64, total: usize) -> ControlFlow<()> {
        if self.progress.as_ref().is_none_or(|(shown, _)| *shown != stage) {
            // The last one leaves before the next one comes.
            self.progress = None;
            let (work, unit) = match stage {
                Stage::Read => ("reading the text", "windows"),
                Stage::Errors => ("rounding", "tensors"),
                Stage::Divergences => ("measuring divergences", "readings"),
                Stage::Verify => ("measuring the recipe", "readings"),
            };
            self.progress = Some((stage, Progress::counting(work, unit)));
        }
        match &mut self.progress {
            Some((_, progress)) => progress.pulse(done, total),
            None => ControlFlow::Continue(()),
        }
    }

    fn kept(&mut self, reading: Reading) -> Vec<Finding> {
        self.notes.as_mut().map(|notes| notes.open(reading)).unwrap_or_default()
    }

    fn goes_on(&mut self, done: usize, total: usize) {
        self.progress = None;
        term::note(&format!(
            "{done} of {total} measured before, by a run that did not end; --no-cache begins anew"
        ));
    }

    fn keep(&mut self, finding: Finding) {
        if let Some(notes) = &mut self.notes {
            notes.add(finding);
        }
    }
}
