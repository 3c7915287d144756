//! The sources, read for what they print: the texts, and the calls that make commands.

use std::fs;
use std::path::Path;

/// A source file as far as it can end up in front of an operator: without tests, comments and help texts.
pub struct Source {
    /// Its path, as `src/gate/mod.rs`.
    pub name: String,
    /// The code; white space is left out outside of texts.
    pub code: String,
    /// The texts, escapes read.
    pub texts: Vec<String>,
}

/// Every source file of the program.
pub fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    collect(Path::new("src"), &mut found);
    found.sort_by(|one, two| one.name.cmp(&two.name));
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs")
            && path.file_name().unwrap() != "tests.rs"
        {
            found.push(read(
                path.to_str().unwrap(),
                &fs::read_to_string(&path).unwrap(),
            ));
        }
    }
}

fn read(name: &str, source: &str) -> Source {
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let mut reader = Reader {
        rest: source.chars().collect(),
        at: 0,
    };
    let (mut code, mut texts) = (String::new(), Vec::new());
    while let Some(char) = reader.next() {
        match char {
            '/' if reader.peek() == Some('/') => reader.skip_line(),
            '#' if reader.peek() == Some('[') && !reader.starts_with("[error(") => {
                reader.skip_attribute()
            }
            '\'' => code.push_str(&reader.character()),
            '"' => {
                let text = reader.text();
                code.push_str(&format!("{text:?}"));
                texts.push(text);
            }
            char if char.is_whitespace() => {}
            char => code.push(char),
        }
    }
    // What rustfmt adds where a call takes several lines.
    let code = code.replace(",]", "]").replace(",)", ")");
    Source {
        name: name.to_owned(),
        code,
        texts,
    }
}

struct Reader {
    rest: Vec<char>,
    at: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.rest.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let char = self.peek()?;
        self.at += 1;
        Some(char)
    }

    fn starts_with(&self, text: &str) -> bool {
        text.chars()
            .enumerate()
            .all(|(n, char)| self.rest.get(self.at + n) == Some(&char))
    }

    fn skip_line(&mut self) {
        while self.next().is_some_and(|char| char != '\n') {}
    }

    fn skip_attribute(&mut self) {
        let mut depth = 0;
        while let Some(char) = self.next() {
            match char {
                '[' => depth += 1,
                ']' => depth -= 1,
                '"' => drop(self.text()),
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Behind a `'`: a character, which may be a quote, or a lifetime.
    fn character(&mut self) -> String {
        let length = match (self.rest.get(self.at), self.rest.get(self.at + 1)) {
            (Some('\\'), _) => {
                let rest = &self.rest[self.at + 2..];
                2 + rest.iter().position(|char| *char == '\'').unwrap() + 1
            }
            (_, Some('\'')) => 2,
            _ => return "'".to_owned(),
        };
        let text: String = self.rest[self.at..self.at + length].iter().collect();
        self.at += length;
        format!("'{text}")
    }

    /// Behind a `"`.
    fn text(&mut self) -> String {
        let mut text = String::new();
        while let Some(char) = self.next() {
            match char {
                '"' => break,
                '\\' => match self.next().unwrap() {
                    '\n' => {
                        while self.peek().is_some_and(char::is_whitespace) {
                            self.at += 1;
                        }
                    }
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    other => text.push(other),
                },
                other => text.push(other),
            }
        }
        text
    }
}

/// The calls that make a command, each as `name(arguments)`.
pub fn commands_made(source: &Source) -> Vec<String> {
    let makers = [
        "commands.line(",
        "commands().line(",
        "commands.adopt(",
        "commands.import(",
        "commands().import(",
        "commands.init_never_signed(",
        "commands.init_height(",
        "commands.raise(",
        "commands.detect(",
        "commands.move_out(",
        "commands.move_in(",
        "commands.keys_list(",
        "commands().keys_list(",
        "commands.verify_backup(",
        "commands.bring(",
        "commands.second(",
        "CommandLine::without_config(",
        "CommandLine::of_system(",
        "CommandLine::on_file(",
        "remedy::keygen(",
        "remedy::make_private(",
        "remedy::give_to(",
        "remedy::shut_out(",
        "remedy::move_aside(",
        "remedy::remove(",
        "remedy::make_folder(",
        "remedy::encrypt(",
        "remedy::decrypt(",
        "remedy::shred(",
        ".command(\"",
    ];
    let mut found = Vec::new();
    for maker in makers {
        for (at, _) in source.code.match_indices(maker) {
            let name = maker.trim_end_matches(['(', '"']);
            let name = name.rsplit(['.', ':']).next().unwrap();
            let open = at + maker.rfind('(').unwrap();
            found.push(format!("{name}{}", within(&source.code[open..])));
        }
    }
    found.sort();
    found
}

/// From a parenthesis to its end.
fn within(code: &str) -> &str {
    let (mut depth, mut text) = (0, false);
    let mut before = ' ';
    for (at, char) in code.char_indices() {
        match char {
            '"' if before != '\\' => text = !text,
            '(' if !text => depth += 1,
            ')' if !text => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &code[..=at];
        }
        before = char;
    }
    code
}
