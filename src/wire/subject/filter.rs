//! Which subjects a filter means: as the server reads it.

use super::Subjects;

impl Subjects {
    /// Whether `filter` means `subject`: `*` stands for any word, `>` at its end for all that
    /// follow.
    #[must_use]
    pub fn matches(filter: &str, subject: &str) -> bool {
        let mut subject = subject.split('.');
        for wanted in filter.split('.') {
            match (wanted, subject.next()) {
                (">", Some(_)) => return true,
                (_, None) => return false,
                ("*", Some(_)) => {}
                (wanted, Some(found)) if wanted == found => {}
                (_, Some(_)) => return false,
            }
        }
        subject.next().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_means_what_it_means_to_the_server() {
        for (filter, subject, means) in [
            (">", "kassa.main.evt.commit", true),
            ("kassa.main.evt.commit", "kassa.main.evt.commit", true),
            ("kassa.main.evt.>", "kassa.main.evt.stock.MUG-01", true),
            ("kassa.*.evt.stock.*", "kassa.main.evt.stock.MUG-01", true),
            ("kassa.main.evt.*", "kassa.main.evt.commit", true),
            ("kassa.main.evt.*", "kassa.main.evt.stock.MUG-01", false),
            ("kassa.main.evt.>", "kassa.main.evt", false),
            ("kassa.main.evt", "kassa.main.evt.commit", false),
            ("kassa.main.evt.commit", "kassa.main.evt", false),
        ] {
            assert_eq!(Subjects::matches(filter, subject), means, "{filter} {subject}");
        }
    }
}
