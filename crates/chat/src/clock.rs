//! Dates for `strftime_now`, which several templates print into the system message.
//!
//! The time is given by the host and never read here: wasm has no clock in `std`, tests need a
//! fixed one, and a template's date is part of the prompt, so the same conversation must give the
//! same text twice. Directives are those of C's `strftime` in the "C" locale, which Python passes
//! through.

/// A civil date and time, without a zone: what the person's clock on the wall says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Year, for example 2026.
    pub year: i32,
    /// Month, 1 to 12.
    pub month: u32,
    /// Day of the month, 1 to 31.
    pub day: u32,
    /// Hour, 0 to 23.
    pub hour: u32,
    /// Minute, 0 to 59.
    pub minute: u32,
    /// Second, 0 to 60.
    pub second: u32,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// Whether February has 29 days.
fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

impl Moment {
    /// The moment `seconds` after 1970-01-01 00:00, shifted by `offset_minutes` east of UTC.
    ///
    /// # Source
    /// Days to civil date: H. Hinnant, *chrono-Compatible Low-Level Date Algorithms*.
    #[must_use]
    pub fn from_unix(seconds: i64, offset_minutes: i32) -> Moment {
        let local = seconds.saturating_add(i64::from(offset_minutes) * 60);
        let (days, rest) = (local.div_euclid(86_400), local.rem_euclid(86_400));
        let z = days.saturating_add(719_468);
        let (era, doe) = (z.div_euclid(146_097), z.rem_euclid(146_097));
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + i64::from(month <= 2);
        let small = |n: i64| u32::try_from(n).unwrap_or(0);
        Moment {
            year: i32::try_from(year).unwrap_or(i32::MAX),
            month: small(month),
            day: small(doy - (153 * mp + 2) / 5 + 1),
            hour: small(rest / 3600),
            minute: small(rest / 60 % 60),
            second: small(rest % 60),
        }
    }

    /// The same time one day earlier.
    #[must_use]
    pub fn day_before(&self) -> Moment {
        let (mut year, mut month, mut day) = (self.year, self.month, self.day.saturating_sub(1));
        if day == 0 {
            month = month.saturating_sub(1);
            if month == 0 {
                (year, month) = (year.saturating_sub(1), 12);
            }
            day = match month {
                2 if is_leap(year) => 29,
                2 => 28,
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
        }
        Moment { year, month, day, ..*self }
    }

    /// Days since January 1st of the year, from 0.
    fn day_of_year(&self) -> u32 {
        const BEFORE: [u32; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
        let month = usize::try_from(self.month.saturating_sub(1)).unwrap_or(0);
        let before = BEFORE.get(month).copied().unwrap_or(0);
        before + self.day.saturating_sub(1) + u32::from(is_leap(self.year) && self.month > 2)
    }

    /// Day of the week, Sunday is 0 (Sakamoto's method).
    fn weekday(&self) -> u32 {
        const T: [i32; 12] = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];
        let year = i64::from(self.year) - i64::from(self.month < 3);
        let month = usize::try_from(self.month.saturating_sub(1)).unwrap_or(0);
        let t = i64::from(T.get(month).copied().unwrap_or(0));
        let sum = year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + t;
        u32::try_from((sum + i64::from(self.day)).rem_euclid(7)).unwrap_or(0)
    }

    /// The moment written as `format` says; unknown directives stay as they are.
    #[must_use]
    pub fn strftime(&self, format: &str) -> String {
        let mut out = String::new();
        let mut chars = format.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            match chars.next() {
                // `%-d` and `%e` drop or soften the leading zero.
                Some('-') => {
                    let text = chars.next().and_then(|d| self.directive(d)).unwrap_or_default();
                    let digits = text.trim_start_matches(['0', ' ']);
                    out.push_str(if digits.is_empty() && !text.is_empty() { "0" } else { digits });
                }
                Some(d) => match self.directive(d) {
                    Some(text) => out.push_str(&text),
                    None => {
                        out.push('%');
                        out.push(d);
                    }
                },
                None => out.push('%'),
            }
        }
        out
    }

    fn directive(&self, directive: char) -> Option<String> {
        let name = |names: &[&str], n: u32| {
            let n = usize::try_from(n).unwrap_or(0);
            names.get(n).copied().unwrap_or_default().to_owned()
        };
        let short = |name: String| name.chars().take(3).collect::<String>();
        let month = self.month.saturating_sub(1);
        let hour12 = (self.hour + 11) % 12 + 1;
        Some(match directive {
            'Y' => self.year.to_string(),
            'y' => format!("{:02}", self.year.rem_euclid(100)),
            'C' => format!("{:02}", self.year.div_euclid(100)),
            'm' => format!("{:02}", self.month),
            'd' => format!("{:02}", self.day),
            'e' => format!("{:2}", self.day),
            'B' => name(&MONTHS, month),
            'b' | 'h' => short(name(&MONTHS, month)),
            'A' => name(&DAYS, self.weekday()),
            'a' => short(name(&DAYS, self.weekday())),
            'w' => self.weekday().to_string(),
            'u' => ((self.weekday() + 6) % 7 + 1).to_string(),
            'j' => format!("{:03}", self.day_of_year() + 1),
            'U' => format!("{:02}", (self.day_of_year() + 7 - self.weekday()) / 7),
            'W' => format!("{:02}", (self.day_of_year() + 7 - (self.weekday() + 6) % 7) / 7),
            'H' => format!("{:02}", self.hour),
            'I' => format!("{hour12:02}"),
            'k' => format!("{:2}", self.hour),
            'l' => format!("{hour12:2}"),
            'M' => format!("{:02}", self.minute),
            'S' => format!("{:02}", self.second),
            'f' => "000000".to_owned(),
            'p' => if self.hour < 12 { "AM" } else { "PM" }.to_owned(),
            'P' => if self.hour < 12 { "am" } else { "pm" }.to_owned(),
            'D' | 'x' => self.strftime("%m/%d/%y"),
            'F' => self.strftime("%Y-%m-%d"),
            'T' | 'X' => self.strftime("%H:%M:%S"),
            'R' => self.strftime("%H:%M"),
            'r' => self.strftime("%I:%M:%S %p"),
            'c' => self.strftime("%a %b %e %H:%M:%S %Y"),
            'Z' | 'z' => String::new(),
            'n' => "\n".to_owned(),
            't' => "\t".to_owned(),
            '%' => "%".to_owned(),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_seconds_become_civil_dates() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00:00 Thursday 001"),
            (951_782_400, "2000-02-29 00:00:00 Tuesday 060"),
            (1_767_323_045, "2026-01-02 03:04:05 Friday 002"),
            (-1, "1969-12-31 23:59:59 Wednesday 365"),
            (4_107_542_399, "2100-02-28 23:59:59 Sunday 059"),
        ] {
            assert_eq!(Moment::from_unix(seconds, 0).strftime("%F %T %A %j"), text);
        }
        assert_eq!(Moment::from_unix(0, -90).strftime("%F %R"), "1969-12-31 22:30");
    }

    #[test]
    fn the_day_before_crosses_months_and_years() {
        for (seconds, want) in [
            (1_767_323_045, "2026-01-01 03:04:05"),
            (1_767_236_645, "2025-12-31 03:04:05"),
            (951_868_800, "2000-02-29 00:00:00"),
            (4_107_542_400, "2100-02-28 00:00:00"),
        ] {
            let day = Moment::from_unix(seconds, 0).day_before();
            assert_eq!(day.strftime("%F %T"), want);
        }
    }

    #[test]
    fn directives_are_those_of_c() {
        let moment = Moment { year: 2026, month: 1, day: 2, hour: 15, minute: 4, second: 5 };
        for (format, want) in [
            ("%d %B %Y", "02 January 2026"),
            ("%-d %b %y|%e|%-m", "2 Jan 26| 2|1"),
            ("%I:%M %p %w %u %U %W %%", "03:04 PM 5 5 00 00 %"),
            ("%c %Q", "Fri Jan  2 15:04:05 2026 %Q"),
        ] {
            assert_eq!(moment.strftime(format), want);
        }
    }
}
