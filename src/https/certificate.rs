//! Until when a certificate is valid, read from its DER without believing anything else in it.

use std::time::Duration;

/// When a certificate ends, since 1970-01-01 UTC; `None` where these bytes are not an X.509 certificate.
pub fn not_after(der: &[u8]) -> Option<Duration> {
    // Certificate ::= SEQUENCE { tbsCertificate SEQUENCE { [0] version, serial, algorithm, issuer, validity … } … }
    let (certificate, _) = element(der, 0x30)?;
    let (mut fields, _) = element(certificate, 0x30)?;
    if fields.first() == Some(&0xa0) {
        fields = element(fields, 0xa0)?.1;
    }
    let (_, after) = element(fields, 0x02)?;
    let (_, after) = element(after, 0x30)?;
    let (_, after) = element(after, 0x30)?;
    let (validity, _) = element(after, 0x30)?;
    let (_, not_before, ends) = any(validity)?;
    let _ = not_before;
    let (tag, text, _) = any(ends)?;
    moment(tag, text)
}

/// The content of an element that must have this tag, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = any(bytes)?;
    (found == tag).then_some((content, rest))
}

/// Tag, content and rest.
fn any(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, bytes) = bytes.split_first()?;
    let (first, bytes) = bytes.split_first()?;
    let (length, bytes) = match first {
        0..=0x7f => (usize::from(*first), bytes),
        0x81..=0x83 => {
            let (digits, rest) = bytes.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits
                .iter()
                .fold(0_usize, |length, digit| length << 8 | usize::from(*digit));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = bytes.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// UTCTime (two digits of the year) or GeneralizedTime (four), both to the second and in UTC.
fn moment(tag: u8, text: &[u8]) -> Option<Duration> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        0x17 => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i32 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        0x18 => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    if rest.len() != 10 || !rest.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let two = |at: usize| rest.get(at..at + 2)?.parse::<u8>().ok();
    let month = time::Month::try_from(two(0)?).ok()?;
    let date = time::Date::from_calendar_date(year, month, two(2)?).ok()?;
    let ends = date.with_hms(two(4)?, two(6)?, two(8)?).ok()?.assume_utc();
    Some(Duration::from_secs(
        u64::try_from(ends.unix_timestamp()).ok()?,
    ))
}

/// The time of an HTTP `Date`, as `Sat, 28 Nov 2026 01:12:23 GMT`: since 1970-01-01 UTC.
pub fn http_date(text: &str) -> Option<Duration> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let mut words = text.split_once(", ")?.1.strip_suffix(" GMT")?.split(' ');
    let day = words.next()?.parse().ok()?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|known| *known == month)? + 1;
    let month = time::Month::try_from(u8::try_from(month).ok()?).ok()?;
    let year = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(|part| part.parse::<u8>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let date = time::Date::from_calendar_date(year, month, day).ok()?;
    let at = date.with_hms(hour, minute, second).ok()?.assume_utc();
    Some(Duration::from_secs(
        u64::try_from(at.unix_timestamp()).ok()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        let at = |tag, text: &str| moment(tag, text.as_bytes()).map(|time| time.as_secs());
        assert_eq!(at(0x17, "700101000000Z"), Some(0));
        assert_eq!(at(0x17, "000229120000Z"), Some(951_825_600));
        assert_eq!(at(0x18, "20380119031407Z"), Some(2_147_483_647));
        for (tag, bad) in [
            (0x17, "001301000000Z"),
            (0x17, "0001010000Z"),
            (0x17, "000101000000"),
            (0x18, "000101000000Z"),
            (0x05, "000101000000Z"),
            (0x17, "é0101000000Z"),
        ] {
            assert_eq!(at(tag, bad), None, "{bad}");
        }
    }

    #[test]
    fn dates_of_http() {
        let at = |text| http_date(text).map(|time| time.as_secs());
        assert_eq!(at("Tue, 29 Feb 2000 12:00:00 GMT"), Some(951_825_600));
        for bad in [
            "",
            "Tue, 30 Feb 2000 12:00:00 GMT",
            "Tue, 29 Feb 2000 12:00 GMT",
            "29 Feb 2000",
        ] {
            assert_eq!(at(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        for bytes in [
            &b""[..],
            b"\x30",
            b"\x30\x82",
            b"\x30\x83\xff\xff\xff\x00",
            &[0x30; 40],
        ] {
            assert_eq!(not_after(bytes), None);
        }
    }
}
