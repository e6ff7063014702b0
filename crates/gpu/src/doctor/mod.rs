//! Does this device compute right? Tried with the forms that a model is about to use.
//!
//! Drivers miscompile, browsers differ, and a wrong product is not an error but a bad answer that
//! nobody can explain. So each form is compared with its scalar twin once per adapter, driver and
//! version, on small shapes: a second of work before the first model. A form that errs is not
//! repaired but what it stands on is left out: integer products, then subgroups, then `f16`, then
//! the device. What is left out holds for all kernels, because a compiler that gets one reduction
//! wrong is not to be believed about the next. The record is text that a host stores (see
//! [`record`]), beside the tuning.

mod record;

use std::sync::PoisonError;

use kernels::shader::{Forms, Kernel};
use kernels::{Plan, PlayerConfig, PlayerError};

pub use record::{Finding, Part, Record, SwitchedOff};

use crate::adapter::Gpu;
use crate::check::{CheckResult, Checker, Form, of_plan, usual};
use crate::loader::validate;
use crate::platform;

/// How an examination went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Examined {
    /// Something was found out that a host should store.
    pub is_new: bool,
    /// Forms there was no time for.
    pub n_left: usize,
}

impl Gpu {
    /// Tries the forms that `plan` uses when it is loaded like this (without a plan: those of usual
    /// models) that were not yet tried here, and switches off what a wrong one stands on until all
    /// are right. What `budget_ms` leaves no time for is tried the next time. `heard` gets each
    /// finding as it is made.
    ///
    /// # Errors
    /// If the device goes away. A wrong result is no error but a finding.
    pub async fn examine(
        &self,
        plan: Option<(&Plan, PlayerConfig)>,
        budget_ms: f64,
        mut heard: impl FnMut(&Finding),
    ) -> Result<Examined, PlayerError> {
        self.health.check()?;
        if plan.is_some_and(|(plan, config)| validate(self, plan, config).is_err()) {
            return Ok(Examined::default()); // The loader says why.
        }
        let now_ms = || self.clock_ms.map_or(0.0, |clock| clock());
        let end_ms = now_ms() + budget_ms;
        let mut examined = Examined::default();
        while self.trusts(Part::Device) {
            let gpu = self.trusted()?;
            let choices = gpu.choices();
            let mut forms = match plan {
                Some((plan, config)) => of_plan(plan, config.kv, &choices),
                None => usual(&choices),
            };
            forms.retain(|form| !self.with_record(|record| record.has(&form.to_string())));
            let mut checker = Checker::new(&gpu, "");
            let mut wrong = None;
            examined.n_left = forms.len();
            for form in forms {
                if now_ms() > end_ms {
                    break;
                }
                examined.n_left -= 1;
                let Some(finding) = probe(&mut checker, form).await? else { continue };
                examined.is_new = true;
                heard(&finding);
                if !finding.is_right() {
                    wrong = Some((gpu.blame(form, &checker.used), finding));
                    break;
                }
                self.with_record(|record| record.right(finding));
            }
            match wrong {
                None => return Ok(examined),
                Some((part, finding)) => {
                    self.with_record(|record| record.switch_off(part, &finding));
                }
            }
        }
        Ok(examined)
    }

    /// Everything is tried anew at the next [`Gpu::examine`].
    pub fn forget_findings(&self) {
        self.with_record(|record| *record = Record::default());
    }

    /// The forms that were found to be right, as the device is used now.
    pub fn findings(&self) -> Vec<Finding> {
        self.with_record(|record| record.findings())
    }

    /// What is not used, and why.
    pub fn switched_off(&self) -> Vec<SwitchedOff> {
        self.with_record(|record| record.off.clone())
    }

    /// True unless the part was found to give wrong results.
    pub fn trusts(&self, part: Part) -> bool {
        self.with_record(|record| record.off.iter().all(|off| off.part != part))
    }

    /// Where a host keeps the record: a file name of its own for each such device.
    pub fn record_file(&self) -> String {
        format!("gpu-{:016x}.doctor", crate::kept::sum(self.record_key().as_bytes()))
    }

    /// What was found out, to be stored and given back with [`Gpu::use_record`].
    pub fn record(&self) -> String {
        let key = self.record_key();
        self.with_record(|record| record.to_text(&key))
    }

    /// Takes over what an earlier run found out.
    ///
    /// # Errors
    /// Why the text is of no use: it is damaged, or of another adapter, driver or version.
    pub fn use_record(&self, text: &str) -> Result<(), String> {
        let record = Record::parse(text, &self.record_key())?;
        self.with_record(|now| *now = record);
        Ok(())
    }

    /// The forms of kernels that may be used.
    pub(crate) fn trusted_forms(&self) -> Forms {
        Forms {
            subgroups: self.forms.subgroups && self.trusts(Part::Subgroups),
            f16: self.forms.f16 && self.trusts(Part::HalfPrecision),
        }
    }

    /// This device with the forms that may be used, whatever is found out later.
    pub(crate) fn trusted(&self) -> Result<Gpu, PlayerError> {
        if let Some(off) = self.switched_off().iter().find(|off| off.part == Part::Device) {
            let (device, reason) = (self.name(), format!("{off}; use the processor instead"));
            return Err(PlayerError::Device { device, reason });
        }
        let mut gpu = self.clone();
        gpu.forms = self.trusted_forms();
        Ok(gpu)
    }

    fn record_key(&self) -> String {
        let forms = (self.forms.subgroups, self.forms.f16, self.safe_shaders);
        format!("{} {forms:?}", self.identity())
    }

    fn with_record<T>(&self, f: impl FnOnce(&mut Record) -> T) -> T {
        f(&mut self.record.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a wrong form stands on, read from its kernels' texts.
    fn blame(&self, form: Form, kernels: &[Kernel]) -> Part {
        let now = self.forms;
        let differs = |forms: Forms| {
            let text = |kernel: &Kernel, forms| kernel.wgsl(forms, platform::DIALECT).ok();
            kernels.iter().any(|kernel| text(kernel, now) != text(kernel, forms))
        };
        if form.is_int() {
            Part::Integers
        } else if differs(Forms { subgroups: false, ..now }) {
            Part::Subgroups
        } else if differs(Forms { f16: false, ..now }) {
            Part::HalfPrecision
        } else {
            Part::Device
        }
    }
}

/// One form's finding; `None` if this device has no kernel of the form. A kernel that does not even
/// compile is a finding too.
async fn probe(checker: &mut Checker<'_>, form: Form) -> Result<Option<Finding>, PlayerError> {
    let gpu = checker.gpu;
    checker.used.clear();
    checker.results.clear();
    let scope = gpu.device.push_error_scope(wgpu::ErrorFilter::Validation);
    let internal = gpu.device.push_error_scope(wgpu::ErrorFilter::Internal);
    let ran = form.probe(checker).await;
    let errors = [internal.pop().await, scope.pop().await];
    gpu.health.check()?;
    let refused = errors.into_iter().flatten().next().map(|error| error.to_string());
    let reason = match (refused, ran) {
        (Some(reason), _) => Some(reason),
        (None, Err(error @ PlayerError::DeviceLost { .. })) => return Err(error),
        (None, Err(error)) => Some(error.to_string()),
        (None, Ok(())) => None,
    };
    let form = form.to_string();
    if let Some(reason) = reason {
        return Ok(Some(Finding::refused(form, &reason)));
    }
    let worst = checker.results.iter().max_by(|a, b| excess(a).total_cmp(&excess(b)));
    Ok(worst.map(|worst| Finding::compared(form, worst.error, worst.tolerance)))
}

/// How far an error is beyond what is allowed; a NaN is beyond everything.
fn excess(result: &CheckResult) -> f64 {
    let excess = result.error / result.tolerance.max(f64::MIN_POSITIVE);
    if excess.is_nan() { f64::INFINITY } else { excess }
}
