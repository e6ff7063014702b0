//! How much memory the container this process runs in may hold.
//!
//! A kernel kills a process above its container's limit without a word, so a model that does not
//! fit is refused before it is loaded. Control groups version 2 and 1, each with all groups above.

use std::path::Path;

/// Version 1 has no word for "no limit": it says the most pages that fit into 63 bits.
const NO_LIMIT: u64 = 1 << 62;

/// The least limit of all groups of this process, in bytes; `None` where there is none.
pub fn memory_limit() -> Option<u64> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    least_limit(&groups, |file| std::fs::read_to_string(file).ok())
}

/// The least number in the files that `groups` (lines `id:controllers:path`) leads to.
fn least_limit(groups: &str, read: impl Fn(&Path) -> Option<String>) -> Option<u64> {
    let mut least = None;
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let (root, name) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => continue,
        };
        // A container may see its own group as the root, whatever the path says.
        for group in Path::new(path.trim_start_matches('/')).ancestors() {
            let text = read(&Path::new(root).join(group).join(name));
            // "max" is no number, and no limit.
            let limit = text.and_then(|text| text.trim().parse::<u64>().ok());
            let limit = limit.filter(|limit| *limit < NO_LIMIT);
            least = [least, limit].into_iter().flatten().min();
        }
    }
    least
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_of_a_group_and_those_above_counts() {
        let files = [
            ("/sys/fs/cgroup/a/b/memory.max", "max\n"),
            ("/sys/fs/cgroup/a/memory.max", "3000\n"),
            ("/sys/fs/cgroup/memory.max", "5000\n"),
            ("/sys/fs/cgroup/memory/x/memory.limit_in_bytes", "9223372036854771712\n"),
            ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "4000\n"),
        ];
        let read = |file: &Path| {
            let found = files.iter().find(|(name, _)| Path::new(name) == file);
            found.map(|(_, text)| (*text).to_owned())
        };
        for (groups, want) in [
            ("0::/a/b\n", Some(3000)),
            ("0::/\n", Some(5000)),
            ("12:cpuset:/a\n4:memory:/x\n", Some(4000)),
            ("4:memory:/x\n0::/a\n", Some(3000)),
            ("0::/gone/with/it\n", Some(5000)),
            ("3:cpu,cpuacct:/a\n", None),
            ("nonsense\n\n::\n", Some(5000)),
            ("", None),
        ] {
            assert_eq!(least_limit(groups, read), want, "{groups:?}");
        }
        assert_eq!(least_limit("0::/a\n", |_| None), None);
        let unlimited = |_: &Path| Some("9223372036854771712\n".to_owned());
        assert_eq!(least_limit("4:memory:/x\n", unlimited), None);
    }
}
