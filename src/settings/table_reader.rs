//! What an operator wrote: a section of a TOML file, read key by key, with the place of each value.
//!
//! Problems are collected, not thrown, so that all of them are shown at once. Each key that is asked for counts as
//! known; [`TableReader::finish`] reports the others.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use super::spanned::Spanned;
use super::suggestions::nearest;
use super::tables::{header_of, where_it_belongs};

/// One table of the file.
pub struct TableReader<'a> {
    /// How the section is written in the file, as `[[chain]]`.
    pub name: String,
    /// The place of the whole section.
    pub span: Range<usize>,
    table: &'a DeTable<'a>,
    known: Vec<&'static str>,
    /// Keys of other programs that are refused by name, and not offered as a remedy.
    refused: Vec<&'static str>,
    /// Whether what is not asked for here is another reader's.
    in_part: bool,
}

impl<'a> TableReader<'a> {
    /// A section over a table.
    pub fn new(name: impl Into<String>, span: Range<usize>, table: &'a DeTable<'a>) -> Self {
        Self {
            name: name.into(),
            span,
            table,
            known: Vec::new(),
            refused: Vec::new(),
            in_part: false,
        }
    }

    /// Leaves whatever else stands in it to another reader.
    pub fn read_in_part(&mut self) {
        self.in_part = true;
    }

    fn get(&mut self, key: &'static str) -> Option<&'a toml::Spanned<DeValue<'a>>> {
        self.known.push(key);
        self.table.get(key)
    }

    /// Where a key stands that is refused by name.
    pub fn place_of_refused(&mut self, key: &'static str) -> Option<Range<usize>> {
        self.refused.push(key);
        self.place_of(key)
    }

    /// Where a key stands, if it does.
    pub fn place_of(&self, key: &str) -> Option<Range<usize>> {
        self.table.get_key_value(key).map(|(key, _)| key.span())
    }

    /// A text.
    pub fn text(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<Spanned<String>> {
        let value = self.get(key)?;
        match value.get_ref().as_str() {
            Some(text) => Some(Spanned {
                value: text.to_owned(),
                span: value.span(),
            }),
            None => {
                problems.push(self.wrong_type(key, value, "text in quotes"));
                None
            }
        }
    }

    /// A text that must be there.
    pub fn required(
        &mut self,
        key: &'static str,
        example: &str,
        problems: &mut Vec<Problem>,
    ) -> Option<Spanned<String>> {
        if !self.table.contains_key(key) {
            self.known.push(key);
            problems.push(Problem::at(
                self.span.clone(),
                format!("`{key}` is missing"),
                format!("this {} has no `{key}`", self.name),
                format!("add a line such as `{key} = {example}`"),
            ));
            return None;
        }
        self.text(key, problems)
    }

    /// True or false.
    pub fn boolean(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<Spanned<bool>> {
        let value = self.get(key)?;
        match value.get_ref().as_bool() {
            Some(found) => Some(Spanned {
                value: found,
                span: value.span(),
            }),
            None => {
                problems.push(self.wrong_type(key, value, "true or false"));
                None
            }
        }
    }

    /// A whole number from `range`; also as text, as the older program wanted it in places.
    pub fn number(
        &mut self,
        key: &'static str,
        range: std::ops::RangeInclusive<u64>,
        problems: &mut Vec<Problem>,
    ) -> Option<Spanned<u64>> {
        let value = self.get(key)?;
        let text = match value.get_ref() {
            DeValue::Integer(number) => {
                let digits = number.as_str().replace('_', "");
                u64::from_str_radix(&digits, number.radix())
                    .ok()
                    .map(|number| number.to_string())
            }
            DeValue::String(text) => Some(text.to_string()),
            _ => None,
        };
        let found = text
            .and_then(|text| text.parse().ok())
            .filter(|found| range.contains(found));
        if found.is_none() {
            let wanted = format!("a whole number from {} to {}", range.start(), range.end());
            problems.push(self.wrong_type(key, value, &wanted));
        }
        found.map(|found| Spanned {
            value: found,
            span: value.span(),
        })
    }

    /// A list of texts.
    pub fn texts(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<Vec<Spanned<String>>> {
        let value = self.get(key)?;
        let Some(list) = value.get_ref().as_array() else {
            problems.push(self.wrong_type(key, value, "a list of texts, as in [\"one\", \"two\"]"));
            return None;
        };
        let mut texts = Vec::new();
        for item in list.iter() {
            match item.get_ref().as_str() {
                Some(text) => texts.push(Spanned {
                    value: text.to_owned(),
                    span: item.span(),
                }),
                None => problems.push(self.wrong_type(key, item, "text in quotes")),
            }
        }
        Some(texts)
    }

    /// A table within this one.
    pub fn section(
        &mut self,
        key: &'static str,
        problems: &mut Vec<Problem>,
    ) -> Option<TableReader<'a>> {
        let value = self.get(key)?;
        match value.get_ref().as_table() {
            Some(table) => Some(TableReader::new(format!("`{key}`"), value.span(), table)),
            None => {
                problems.push(self.wrong_type(key, value, "a table, as in { key = \"value\" }"));
                None
            }
        }
    }

    /// A value that may have one of several types.
    pub fn any(&mut self, key: &'static str) -> Option<Spanned<&'a DeValue<'a>>> {
        self.get(key).map(|value| Spanned {
            value: value.get_ref(),
            span: value.span(),
        })
    }

    /// A list of tables, `[[name]]` in the file. A single table is a list of one.
    pub fn sections(
        &mut self,
        key: &'static str,
        name: &str,
        problems: &mut Vec<Problem>,
    ) -> Vec<TableReader<'a>> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let mut sections = Vec::new();
        match value.get_ref() {
            DeValue::Array(list) => {
                for item in list.iter() {
                    match item.get_ref().as_table() {
                        Some(table) => sections.push(TableReader::new(name, item.span(), table)),
                        None => problems.push(self.wrong_type(key, item, "a table")),
                    }
                }
            }
            _ => problems.push(Problem::at(
                value.span(),
                format!("`{key}` is not a list of tables"),
                format!("expected {name}"),
                format!("write the header with two brackets: {name}"),
            )),
        }
        sections
    }

    /// The keys that were never asked for.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        let known = |name: &str| {
            self.known
                .iter()
                .chain(&self.refused)
                .any(|known| *known == name)
        };
        let names = self.table.keys().map(|key| &**key.get_ref());
        names.filter(move |name| !known(name))
    }

    /// Reports each key that was never asked for, unless the table is read in part.
    pub fn finish(self, problems: &mut Vec<Problem>) {
        if self.in_part {
            return;
        }
        for key in self.table.keys() {
            let name = key.get_ref();
            if self
                .known
                .iter()
                .chain(&self.refused)
                .any(|known| known == name)
            {
                continue;
            }
            let mut known = self.known.clone();
            known.sort_unstable();
            known.dedup();
            // Within a value, as `adapter = { ... }`, the words of other tables are no help.
            let elsewhere = where_it_belongs(name).filter(|_| !self.name.starts_with('`'));
            let here = || format!("known here are: {}", known.join(", "));
            let help = match (nearest(name, &known), elsewhere, header_of(name)) {
                (Some(near), None, _) => format!("did you mean `{near}`?"),
                (Some(near), Some(tables), _) => {
                    format!("did you mean `{near}`? `{name}` itself belongs {tables}")
                }
                (None, Some(tables), _) => format!("`{name}` belongs {tables}; {}", here()),
                (None, None, Some(header)) => {
                    format!("write the header of this section as {header}")
                }
                (None, None, None) => here(),
            };
            problems.push(Problem::at(
                key.span(),
                format!("unknown key `{name}`"),
                format!("{} knows no such key", self.name),
                help,
            ));
        }
    }

    fn wrong_type(&self, key: &str, value: &toml::Spanned<DeValue<'_>>, wanted: &str) -> Problem {
        Problem::at(
            value.span(),
            format!("`{key}` has a value of the wrong kind"),
            format!("expected {wanted}"),
            format!("write {wanted} for `{key}` of this {}", self.name),
        )
    }
}
