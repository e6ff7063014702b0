//! Stop strings, matched over token boundaries.
//!
//! Text arrives in pieces that know nothing of the stop strings: a stop may end in the middle of a
//! piece or begin three pieces before. So the end of the text that could still become a stop is
//! held back, and everything before it is let go at once. The result is independent of how the
//! text was cut: the stop whose last character comes first wins, and of two that end together the
//! longer.
//!
//! Plain search over the short held text and not an automaton: there are a handful of stops of a
//! few bytes each, and the held text is never longer than the longest of them plus one piece.

/// Holds back what may be the beginning of a stop string.
#[derive(Debug, Default)]
pub struct StopMatcher {
    stops: Vec<String>,
    held: String,
    matched: Option<usize>,
}

impl StopMatcher {
    /// Empty strings are ignored: they would stop everything before it began.
    pub fn new(stops: &[String]) -> StopMatcher {
        StopMatcher { stops: stops.to_vec(), ..StopMatcher::default() }
    }

    /// Which of the stops was found, counted from 0.
    pub fn matched(&self) -> Option<usize> {
        self.matched
    }

    /// Takes the next text and appends to `out` what can be shown. True once a stop was found: the
    /// stop and everything after it are dropped.
    pub fn push(&mut self, text: &str, out: &mut String) -> bool {
        if self.matched.is_some() {
            return true;
        }
        self.held.push_str(text);
        if let Some((start, stop)) = self.first_match() {
            self.held.truncate(start);
            self.matched = Some(stop);
        }
        let keep = if self.matched.is_some() { 0 } else { self.partial_len() };
        let free = self.held.len() - keep;
        out.push_str(&self.held[..free]);
        self.held.drain(..free);
        self.matched.is_some()
    }

    /// No more text comes: appends what was held back, which turned out to be no stop.
    pub fn finish(&mut self, out: &mut String) {
        out.push_str(&self.held);
        self.held.clear();
    }

    /// Those that can be found, with their numbers.
    fn stops(&self) -> impl Iterator<Item = (usize, &String)> {
        self.stops.iter().enumerate().filter(|(_, stop)| !stop.is_empty())
    }

    /// Start of the match that ends first (of those, the longest), and which stop it is.
    fn first_match(&self) -> Option<(usize, usize)> {
        let find = |(i, stop): (usize, &String)| {
            self.held.find(stop).map(|start| (start + stop.len(), start, i))
        };
        self.stops().filter_map(find).min().map(|(_, start, i)| (start, i))
    }

    /// Bytes at the end of the held text that begin some stop.
    fn partial_len(&self) -> usize {
        let partial = |stop: &String| {
            let longest = self.held.len().min(stop.len() - 1);
            (1..=longest)
                .rev()
                .find(|&n| self.held.as_bytes().ends_with(&stop.as_bytes()[..n]))
                .unwrap_or(0)
        };
        self.stops().map(|(_, stop)| partial(stop)).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Shown text and whether it stopped, for `text` cut before each of `cuts`.
    fn run(stops: &[&str], pieces: &[&str]) -> (String, bool) {
        let stops: Vec<String> = stops.iter().map(|s| s.to_string()).collect();
        let mut matcher = StopMatcher::new(&stops);
        let mut out = String::new();
        let stopped = pieces.iter().any(|piece| matcher.push(piece, &mut out));
        if !stopped {
            matcher.finish(&mut out);
        }
        (out, stopped)
    }

    #[test]
    fn table() {
        let cases: &[(&[&str], &[&str], &str, bool)] = &[
            (&[], &["any", "thing"], "anything", false),
            (&[""], &["any"], "any", false),
            (&["STOP"], &["go ST", "OP on"], "go ", true),
            (&["STOP"], &["go S", "T", "O", "P"], "go ", true),
            (&["STOP"], &["go ST", "AR"], "go STAR", false),
            (&["STOP"], &["STSTOP"], "ST", true),
            (&["STOP"], &["ST", "STOP"], "ST", true),
            (&["aab"], &["a", "a", "a", "b"], "a", true),
            (&["abab x"], &["ab", "ab", "ab", " x"], "ab", true),
            (&["\n\n"], &["one\n", "two\n", "\nthree"], "one\ntwo", true),
            (&["é!"], &["caf", "é", "!"], "caf", true),
            (&["é!"], &["caf", "é", "?"], "café?", false),
            (&["\u{1F600}"], &["hi \u{1F601}", "\u{1F600}"], "hi \u{1F601}", true),
            (&["abcd", "bc"], &["abcd"], "a", true),
            (&["abcd", "bc"], &["a", "b", "c", "d"], "a", true),
            (&["bc", "abc"], &["xabc"], "x", true),
            (&["end"], &["the en"], "the en", false),
        ];
        for (stops, pieces, shown, stopped) in cases {
            let got = run(stops, pieces);
            assert_eq!(got, (shown.to_string(), *stopped), "{stops:?} in {pieces:?}");
        }
    }

    #[test]
    fn the_stop_that_was_found_is_known() {
        let stops = ["", "abcd", "bc"].map(str::to_owned);
        for (text, matched) in [("xabcd", Some(2)), ("xab", None), ("", None)] {
            let mut matcher = StopMatcher::new(&stops);
            assert_eq!(matcher.push(text, &mut String::new()), matched.is_some());
            assert_eq!(matcher.matched(), matched, "{text:?}");
        }
    }

    /// Every way of cutting a text in three gives the same answer.
    #[test]
    fn cuts_do_not_matter() {
        let stops = ["abab", "ba ", "é€", "a\u{1F600}b"];
        for text in ["xababa", "aba b ba c", "ééé€x", "aa\u{1F600}b", "abaaba\u{1F600}", "bbb"]
        {
            let whole = run(&stops, &[text]);
            let ends: Vec<usize> = (0..=text.len()).filter(|&i| text.is_char_boundary(i)).collect();
            for &i in &ends {
                for &j in ends.iter().filter(|&&j| j >= i) {
                    let cut = run(&stops, &[&text[..i], &text[i..j], &text[j..]]);
                    assert_eq!(cut, whole, "{text:?} cut at {i} and {j}");
                }
            }
        }
    }
}
