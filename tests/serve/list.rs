//! The list of bad HTTP input, H01 to H55: each number has its rows here, or a word on where it is
//! tested instead.

/// The files of this folder that have rows.
const FILES: [&str; 9] = [
    include_str!("heads.rs"),
    include_str!("bodies.rs"),
    include_str!("requests.rs"),
    include_str!("clients.rs"),
    include_str!("cancel.rs"),
    include_str!("queue.rs"),
    include_str!("ends.rs"),
    include_str!("logs.rs"),
    include_str!("options.rs"),
];

/// What no test of this folder can bring about.
const ELSEWHERE: [(u32, &str, &str); 1] = [(
    53,
    "crates/engine/tests/slots.rs: a device that goes away fails whatever runs",
    include_str!("../../crates/engine/tests/slots.rs"),
)];

#[test]
fn every_number_is_tested() {
    for n in 1..=55 {
        let id = format!("H{n:02}");
        let here = FILES.iter().any(|file| file.contains(&id));
        let there = ELSEWHERE.iter().any(|(number, place, file)| {
            let name = place.split(": ").nth(1).unwrap_or_default().replace(' ', "_");
            *number == n && file.contains(&name)
        });
        assert!(here != there, "{id} is tested {}", if here { "twice" } else { "nowhere" });
    }
}
