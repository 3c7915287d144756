//! A time of the wall clock as a date in UTC, for labels and reports (RFC 3339).

use std::time::Duration;

use time::OffsetDateTime;

/// A date and a time of day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date(OffsetDateTime);

impl Date {
    /// The date so long after 1970-01-01; after the year 9999 that of 1970-01-01.
    pub fn of(wall: Duration) -> Self {
        let seconds = i64::try_from(wall.as_secs()).unwrap_or_default();
        Self(OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH))
    }

    /// The year.
    pub fn year(self) -> i32 {
        self.0.year()
    }

    /// The day of the year, 1 to 366.
    pub fn ordinal(self) -> u16 {
        self.0.ordinal()
    }

    /// Hour, minute and second.
    pub fn time(self) -> (u8, u8, u8) {
        self.0.to_hms()
    }
}

/// As in `2026-11-21T09:00:00Z`: 20 characters.
impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (year, month, day) = self.0.to_calendar_date();
        let (month, (hour, minute, second)) = (u8::from(month), self.time());
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"
        )
    }
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
            assert_eq!((date.to_string().as_str(), date.ordinal()), (text, ordinal));
        }
    }
}
