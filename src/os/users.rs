//! The names of users, for messages.

/// The name of a user as `/etc/passwd` has it, or the number, which commands take as well.
pub fn user_name(number: u32) -> String {
    let known = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_in(&known, number).unwrap_or_else(|| number.to_string())
}

fn name_in(passwd: &str, number: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let found: u32 = fields.nth(1)?.parse().ok()?;
        (found == number).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_where_there_is_one() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\n\n+:::\n:x:5:\nval:x:1000:1000::/home/val:\n";
        assert_eq!(name_in(passwd, 1000).as_deref(), Some("val"));
        assert_eq!(name_in(passwd, 5), None);
        assert_eq!(name_in("", 0), None);
        assert_eq!(user_name(4_000_000_001), "4000000001");
    }
}
