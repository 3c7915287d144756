//! The names under which old state files are kept beside what took their place.

use std::path::{Path, PathBuf};

/// What the name of a kept file has after that of the file it was.
const KEPT: &str = ".before-import";

/// The name under which a file is kept where `number` others have been.
pub fn kept_name(path: &Path, number: u32) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(match number {
        0 => KEPT.to_owned(),
        _ => format!("{KEPT}-{number}"),
    });
    path.with_file_name(name)
}

/// Where a file lay that is kept under this name; `None` if it is no such name.
pub fn before_it_was_kept(path: &Path) -> Option<PathBuf> {
    let (name, number) = path.file_name()?.to_str()?.rsplit_once(KEPT)?;
    let is_kept = number.is_empty()
        || number
            .strip_prefix('-')
            .is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    (is_kept && !name.is_empty()).then(|| path.with_file_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_name_leads_back_to_the_file() {
        let file = Path::new("/home/data/priv_validator_state.json");
        for number in [0, 1, 17] {
            let kept = kept_name(file, number);
            assert_eq!(before_it_was_kept(&kept).as_deref(), Some(file));
        }
        for other in [
            "/data/state.json",
            "/data/.before-import",
            "/data/s.json.before-import-x",
        ] {
            assert_eq!(before_it_was_kept(Path::new(other)), None, "{other}");
        }
    }
}
