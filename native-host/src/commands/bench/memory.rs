//! The highest memory use of this process, for one model at a time.
//!
//! The system counts since the process began; Linux can be told to count from now on. Where it
//! cannot be told, only the first model's number is known, and later ones are left out.

/// Highest resident memory since [`Memory::restart`].
#[derive(Default)]
pub struct Memory {
    /// What was seen before the count was restarted for other reasons than a new model.
    highest: u64,
    /// The system's count has something in it that is not the model's.
    is_spoilt: bool,
}

impl Memory {
    /// A new model begins.
    pub fn restart(&mut self) {
        self.highest = 0;
        self.forget();
    }

    /// What was used since the last look was not the model's.
    pub fn forget(&mut self) {
        self.is_spoilt = !restart_count();
    }

    /// Bytes; `None` where unknown.
    pub fn highest(&mut self) -> Option<u64> {
        if !self.is_spoilt {
            self.highest = self.highest.max(count()?);
        }
        Some(self.highest).filter(|&bytes| bytes > 0)
    }
}

/// Highest resident memory of this process so far, bytes; `None` where unknown.
pub fn of_process() -> Option<u64> {
    count()
}

#[cfg(target_os = "linux")]
fn count() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? << 10)
}

#[cfg(target_os = "linux")]
fn restart_count() -> bool {
    // "5" sets the highest resident size back to the present one.
    std::fs::write("/proc/self/clear_refs", "5").is_ok()
}

#[cfg(all(unix, not(target_os = "linux")))]
fn count() -> Option<u64> {
    // SAFETY: a plain struct of numbers, filled by the call.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (libc::getrusage(libc::RUSAGE_SELF, &mut usage) == 0).then_some(usage)?
    };
    let unit = if cfg!(target_vendor = "apple") { 1 } else { 1 << 10 };
    u64::try_from(usage.ru_maxrss).ok().map(|n| n * unit)
}

#[cfg(not(unix))]
fn count() -> Option<u64> {
    None
}

#[cfg(not(target_os = "linux"))]
fn restart_count() -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_is_counted_until_it_is_forgotten() {
        const N: usize = 64 << 20;
        let mut memory = Memory::default();
        memory.restart();
        let before = memory.highest().unwrap_or(0);
        let block = std::hint::black_box(vec![1u8; N]);
        let with = memory.highest().unwrap_or(0);
        assert!(with >= before + N as u64 / 2, "{before} {with}");
        drop(block);
        assert!(memory.highest() >= Some(with), "the highest stays");
        memory.restart();
        assert!(memory.highest() < Some(with), "until a new model begins");
    }
}
