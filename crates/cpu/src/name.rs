//! The processor's own name, asked from the processor: reading `/proc` would need files.

/// "Intel(R) Xeon(R) …", or the architecture where the processor does not tell.
#[cfg(target_arch = "x86_64")]
pub fn cpu_name() -> String {
    use std::arch::x86_64::__cpuid;
    /// First of the three leaves that hold the 48-byte brand string.
    const BRAND: u32 = 0x8000_0002;
    /// Tells the largest extended leaf.
    const LARGEST: u32 = 0x8000_0000;
    if __cpuid(LARGEST).eax < BRAND + 2 {
        return "x86-64".into();
    }
    let mut bytes = Vec::new();
    for leaf in BRAND..BRAND + 3 {
        let r = __cpuid(leaf);
        for register in [r.eax, r.ebx, r.ecx, r.edx] {
            bytes.extend_from_slice(&register.to_le_bytes());
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_end_matches('\0').split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() { "x86-64".into() } else { text }
}

/// "Neoverse-V2": what Linux lets programs read of the identification register, by the table of
/// Arm's manuals and of `include/asm/cputype.h`. Of unequal cores, the one this thread runs on.
#[cfg(all(target_arch = "aarch64", target_os = "linux"))]
pub fn cpu_name() -> String {
    /// Programs may read the register (the kernel answers in the processor's place).
    const HWCAP_CPUID: u64 = 1 << 11;
    // SAFETY: asks the C library about this process.
    let capabilities = unsafe { libc::getauxval(libc::AT_HWCAP) };
    if capabilities & HWCAP_CPUID == 0 {
        return std::env::consts::ARCH.into();
    }
    let id: u64;
    // SAFETY: readable by the check above, and reading changes nothing.
    unsafe {
        std::arch::asm!("mrs {}, MIDR_EL1", out(reg) id, options(nomem, nostack, preserves_flags));
    }
    arm_name((id >> 24) as u8, (id >> 4) as u16 & 0xfff)
}

/// The name by implementer and part, or the two numbers.
#[cfg(all(target_arch = "aarch64", target_os = "linux"))]
fn arm_name(implementer: u8, part: u16) -> String {
    const NAMES: &[(u8, u16, &str)] = &[
        (0x41, 0xd03, "Cortex-A53"),
        (0x41, 0xd05, "Cortex-A55"),
        (0x41, 0xd07, "Cortex-A57"),
        (0x41, 0xd08, "Cortex-A72"),
        (0x41, 0xd09, "Cortex-A73"),
        (0x41, 0xd0a, "Cortex-A75"),
        (0x41, 0xd0b, "Cortex-A76"),
        (0x41, 0xd0c, "Neoverse-N1"),
        (0x41, 0xd0d, "Cortex-A77"),
        (0x41, 0xd40, "Neoverse-V1"),
        (0x41, 0xd41, "Cortex-A78"),
        (0x41, 0xd44, "Cortex-X1"),
        (0x41, 0xd47, "Cortex-A710"),
        (0x41, 0xd48, "Cortex-X2"),
        (0x41, 0xd49, "Neoverse-N2"),
        (0x41, 0xd4d, "Cortex-A715"),
        (0x41, 0xd4e, "Cortex-X3"),
        (0x41, 0xd4f, "Neoverse-V2"),
        (0x41, 0xd81, "Cortex-A720"),
        (0x41, 0xd82, "Cortex-X4"),
        (0x41, 0xd84, "Neoverse-V3"),
        (0x41, 0xd8e, "Neoverse-N3"),
        (0x46, 0x001, "A64FX"),
        (0xc0, 0xac3, "Ampere-1"),
        (0xc0, 0xac4, "Ampere-1a"),
    ];
    let known = NAMES.iter().find(|(i, p, _)| (*i, *p) == (implementer, part));
    known.map_or_else(
        || format!("aarch64 (implementer {implementer:#x}, part {part:#x})"),
        |(_, _, name)| (*name).to_string(),
    )
}

/// "Apple M3": the system's own answer.
#[cfg(all(target_arch = "aarch64", target_os = "macos"))]
pub fn cpu_name() -> String {
    let mut bytes = [0u8; 128];
    let mut len = bytes.len();
    // SAFETY: writes at most `len` bytes and how many they were.
    let result = unsafe {
        let name = c"machdep.cpu.brand_string";
        let (old, new) = (bytes.as_mut_ptr().cast(), std::ptr::null_mut());
        libc::sysctlbyname(name.as_ptr(), old, &mut len, new, 0)
    };
    let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
    let text = String::from_utf8_lossy(text).into_owned();
    if result == 0 && !text.is_empty() { text } else { std::env::consts::ARCH.into() }
}

/// The architecture's name.
#[cfg(not(any(
    target_arch = "x86_64",
    all(target_arch = "aarch64", any(target_os = "linux", target_os = "macos"))
)))]
pub fn cpu_name() -> String {
    std::env::consts::ARCH.into()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_processor_has_a_name() {
        let name = super::cpu_name();
        println!("{name}");
        assert!(name.len() > 2 && name.trim() == name && !name.contains('\0'), "{name:?}");
        if let Ok(expected) = std::env::var("INGLE_EXPECT_CPU") {
            assert_eq!(name, expected);
        }
    }
}
