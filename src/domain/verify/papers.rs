//! Papers that were booked: none is booked twice, however old it is.

use std::collections::HashSet;

use crate::domain::{Sku, Token};

/// What a reference stands for: a delivery and a correction may carry the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paper {
    Delivery,
    Correction,
}

/// A paper in 16 bytes of BLAKE3: no two of the papers of a shop share them.
type Mark = [u8; 16];

/// Every paper there ever was, since a delivery that is booked again after years is booked twice.
#[derive(Debug, Default)]
pub(super) struct Papers(HashSet<Mark>);

impl Papers {
    pub(super) fn has(&self, paper: Paper, sku: &Sku, reference: &Token) -> bool {
        self.0.contains(&mark(paper, sku, reference))
    }

    /// Books a paper; false when it was booked before.
    pub(super) fn book(&mut self, paper: Paper, sku: &Sku, reference: &Token) -> bool {
        self.0.insert(mark(paper, sku, reference))
    }
}

fn mark(paper: Paper, sku: &Sku, reference: &Token) -> Mark {
    let kind = match paper {
        Paper::Delivery => b'd',
        Paper::Correction => b'c',
    };
    let mut hasher = blake3::Hasher::new();
    // No SKU has a zero byte in it, so that nothing reads as the end of another.
    hasher.update(&[kind]).update(sku.as_str().as_bytes()).update(&[0]);
    hasher.update(reference.as_str().as_bytes());
    let mut mark = Mark::default();
    hasher.finalize_xof().fill(&mut mark);
    mark
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::{sku, token};

    #[test]
    fn a_paper_is_booked_once_for_each_kind_and_each_sku() {
        let mut papers = Papers::default();
        let (mug, note) = (sku("mug"), token("note-1"));
        assert!(papers.book(Paper::Delivery, &mug, &note));
        assert!(papers.book(Paper::Correction, &mug, &note), "of another kind");
        assert!(papers.book(Paper::Delivery, &sku("pot"), &note), "of another SKU");
        assert!(papers.book(Paper::Delivery, &mug, &token("note-2")), "another number");
        assert!(!papers.book(Paper::Delivery, &mug, &note));
        assert!(papers.has(Paper::Delivery, &mug, &note));
        assert!(!papers.has(Paper::Correction, &mug, &token("note-2")));
    }

    /// `mug` and `1-a` are not `mug1` and `-a`.
    #[test]
    fn where_a_sku_ends_and_a_reference_begins_is_told() {
        let mut papers = Papers::default();
        assert!(papers.book(Paper::Delivery, &sku("mug"), &token("1-a")));
        assert!(papers.book(Paper::Delivery, &sku("mug1"), &token("-a")));
    }
}
