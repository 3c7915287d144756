//! A time of the wall clock as a date in UTC, for labels and reports.
//!
//! The civil calendar is proleptic Gregorian; leap seconds do not exist, as in Unix time. Source: RFC 3339.

use std::time::Duration;

/// A date and a time of day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// The year.
    pub year: u64,
    /// The month, 1 to 12.
    pub month: u64,
    /// The day of the month, 1 to 31.
    pub day: u64,
    /// The day of the year, 1 to 366.
    pub ordinal: u64,
    /// The second of the day.
    second: u64,
}

impl Date {
    /// The date so long after 1970-01-01.
    pub fn of(wall: Duration) -> Self {
        let (mut day, second) = (wall.as_secs() / 86_400, wall.as_secs() % 86_400);
        let mut year = 1970;
        while day >= days(year) {
            day -= days(year);
            year += 1;
        }
        let ordinal = day + 1;
        let february = if days(year) == 366 { 29 } else { 28 };
        let mut month = 1;
        for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
            if day < length {
                break;
            }
            day -= length;
            month += 1;
        }
        Self {
            year,
            month,
            day: day + 1,
            ordinal,
            second,
        }
    }

    /// Hour, minute and second.
    pub fn time(self) -> (u64, u64, u64) {
        (self.second / 3_600, self.second / 60 % 60, self.second % 60)
    }
}

/// As in `2026-11-21T09:00:00Z`: 20 characters.
impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            year, month, day, ..
        } = self;
        let (hour, minute, second) = self.time();
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
}

fn days(year: u64) -> u64 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if leap { 366 } else { 365 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, text, ordinal) in [
            (0, "1970-01-01T00:00:00Z", 1),
            (951_782_399, "2000-02-28T23:59:59Z", 59),
            (951_782_400, "2000-02-29T00:00:00Z", 60),
            (1_735_689_599, "2024-12-31T23:59:59Z", 366),
            (1_795_251_661, "2026-11-21T09:01:01Z", 325),
            (4_107_542_400, "2100-03-01T00:00:00Z", 60),
        ] {
            let date = Date::of(Duration::from_secs(seconds));
            assert_eq!((date.to_string().as_str(), date.ordinal), (text, ordinal));
        }
    }
}
