//! What cases are called in their source.

/// What each case is called in its source: its place there, which it keeps wherever it is moved. What is
/// drawn for a case is drawn by this number.
#[derive(Clone, PartialEq)]
pub(crate) enum Numbers {
    /// Case `i` is the source's number `first + i`.
    From(u32),
    /// Each case's own.
    Each(Vec<u32>),
}

impl Numbers {
    pub(super) fn of(&self, i: usize) -> u32 {
        match self {
            Numbers::From(first) => first.wrapping_add(i as u32),
            Numbers::Each(numbers) => numbers.get(i).copied().unwrap_or_default(),
        }
    }

    pub(super) fn pick(&self, indices: &[u32]) -> Numbers {
        Numbers::of_each(indices.iter().map(|&i| self.of(i as usize)).collect())
    }

    /// These, as the first of them where they follow each other.
    pub(super) fn of_each(numbers: Vec<u32>) -> Numbers {
        match numbers.first() {
            Some(&first) if numbers.windows(2).all(|two| two[1] == two[0].wrapping_add(1)) => {
                Numbers::From(first)
            }
            Some(_) => Numbers::Each(numbers),
            None => Numbers::From(0),
        }
    }

    pub(super) fn limit(&mut self, n: usize) {
        if let Numbers::Each(numbers) = self {
            numbers.truncate(n);
        }
    }

    /// Of `count` cases from `first` on: their numbers where they do not follow each other, else none and
    /// the first number.
    pub fn span(&self, first: usize, count: usize) -> (u32, Option<&[u32]>) {
        match self {
            Numbers::From(_) => (self.of(first), None),
            Numbers::Each(numbers) => (0, numbers.get(first..first + count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Numbers;

    #[test]
    fn numbers_that_follow_each_other_are_kept_as_the_first() {
        let pick = |indices: &[u32]| Numbers::From(5).pick(indices);
        assert!(matches!(pick(&[2, 3, 4]), Numbers::From(7)));
        assert!(matches!(pick(&[2]), Numbers::From(7)));
        assert!(matches!(pick(&[]), Numbers::From(_)));
        assert!(matches!(pick(&[2, 4]), Numbers::Each(numbers) if numbers == [7, 9]));
        assert!(matches!(pick(&[2, 4, 5]).pick(&[1, 2]), Numbers::From(9)));
    }
}
