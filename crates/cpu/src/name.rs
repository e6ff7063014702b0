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

/// The architecture's name.
#[cfg(not(target_arch = "x86_64"))]
pub fn cpu_name() -> String {
    std::env::consts::ARCH.into()
}
