//! Times as Go writes them into JSON: RFC 3339 in UTC with up to nine digits of a second.

use crate::consensus::Timestamp;

/// The time that a text says, to the nanosecond; `None` where it is not such a text, or not in UTC.
pub(super) fn read(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (clock, fraction) = match time.split_once('.') {
        Some((clock, fraction)) => (clock, fraction),
        None => (time, "0"),
    };
    let mut date = date.split('-');
    let year = number(date.next()?, 4)?;
    let (month, day) = (number(date.next()?, 2)?, number(date.next()?, 2)?);
    let mut clock = clock.split(':');
    let (hour, minute) = (number(clock.next()?, 2)?, number(clock.next()?, 2)?);
    let second = number(clock.next()?, 2)?;
    if date.next().is_some() || clock.next().is_some() {
        return None;
    }
    if fraction.is_empty() || fraction.len() > 9 || !is_digits(fraction) {
        return None;
    }
    let short = |value: i32| u8::try_from(value).ok();
    let month = time::Month::try_from(short(month)?).ok()?;
    let date = time::Date::from_calendar_date(year, month, short(day)?).ok()?;
    let at = date.with_hms(short(hour)?, short(minute)?, short(second)?);
    Some(Timestamp {
        seconds: at.ok()?.assume_utc().unix_timestamp(),
        nanos: format!("{fraction:0<9}").parse().ok()?,
    })
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// So many digits.
fn number(text: &str, digits: usize) -> Option<i32> {
    (text.len() == digits && is_digits(text)).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_go() {
        let at = |seconds, nanos| Some(Timestamp { seconds, nanos });
        for (text, meant) in [
            ("1970-01-01T00:00:00Z", at(0, 0)),
            ("2000-02-29T12:00:00.5Z", at(951_825_600, 500_000_000)),
            ("2038-01-19T03:14:07.000000001Z", at(2_147_483_647, 1)),
            // Go's zero time.
            ("0001-01-01T00:00:00Z", at(-62_135_596_800, 0)),
            ("2000-02-30T12:00:00Z", None),
            ("2000-02-29T12:00:00+01:00", None),
            ("2000-02-29T12:00:00", None),
            ("2000-02-29 12:00:00Z", None),
            ("2000-02-29T12:00:00.Z", None),
            ("2000-02-29T12:00:00.0000000001Z", None),
            ("2000-02-29T12:00:00.-1Z", None),
            ("2000-02-29T24:00:00Z", None),
            ("2000-2-29T12:00:00Z", None),
            ("20000-02-29T12:00:00Z", None),
            ("é000-02-29T12:00:00Z", None),
            ("Z", None),
            ("", None),
        ] {
            assert_eq!(read(text), meant, "{text}");
        }
    }
}
