//! Units of an order as a person writes them.

use crate::cli::failure::Failure;
use crate::cli::sku::{units, usage};
use crate::domain::{LineUnits, ReturnedLine, Sku};

/// What leaves: `MUG-01` or `MUG-01=2`; everything when nothing is named.
pub(super) fn leaving(lines: &[String]) -> Result<Option<Vec<LineUnits>>, Failure> {
    if lines.is_empty() {
        return Ok(None);
    }
    let line = |text: &String| {
        let (sku, count) = text.split_once('=').unwrap_or((text, "1"));
        Ok(LineUnits { sku: named(text, sku)?, quantity: units(number(text, count)?)? })
    };
    lines.iter().map(line).collect::<Result<_, _>>().map(Some)
}

/// What came back: `MUG-01=2`, or `MUG-01=2/1` when one of the two may be sold again.
pub(super) fn back(lines: &[String]) -> Result<Vec<ReturnedLine>, Failure> {
    let line = |text: &String| {
        let (sku, counts) = text.split_once('=').unwrap_or((text, "1"));
        let (count, good) = counts.split_once('/').unwrap_or((counts, counts));
        Ok(ReturnedLine {
            sku: named(text, sku)?,
            quantity: units(number(text, count)?)?,
            restock: number(text, good)?,
        })
    };
    lines.iter().map(line).collect()
}

fn named(text: &str, sku: &str) -> Result<Sku, Failure> {
    sku.parse().map_err(|error| usage(text, &error))
}

fn number(text: &str, digits: &str) -> Result<u32, Failure> {
    let wrong = |_| usage(text, &format!("{digits:?} is no number of units"));
    digits.parse().map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn what_leaves_is_a_sku_with_units_and_all_when_nothing_is_named() {
        let read = |lines: &[&str]| {
            let lines = leaving(&texts(lines)).ok()?;
            let line = |line: LineUnits| (line.sku.to_string(), line.quantity.get());
            Some(lines.map(|lines| lines.into_iter().map(line).collect::<Vec<_>>()))
        };
        assert_eq!(read(&[]), Some(None));
        let two = vec![("MUG-01".to_owned(), 2), ("PEN-01".to_owned(), 1)];
        assert_eq!(read(&["MUG-01=2", "PEN-01"]), Some(Some(two)));
        assert_eq!(read(&["MUG-01=0"]), None);
        assert_eq!(read(&["a.b=1"]), None);
    }

    #[test]
    fn of_what_came_back_all_is_good_unless_somebody_says_less() {
        let read = |line: &str| {
            let lines = back(&texts(&[line])).ok()?;
            lines.first().map(|line| (line.quantity.get(), line.restock))
        };
        assert_eq!(read("MUG-01=2"), Some((2, 2)));
        assert_eq!(read("MUG-01=2/1"), Some((2, 1)));
        assert_eq!(read("MUG-01=2/0"), Some((2, 0)));
        assert_eq!(read("MUG-01=2/x"), None);
    }
}
