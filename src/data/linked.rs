//! What belongs together, directly or through others.

use std::collections::BTreeMap;

/// The numbers below `count` that `pairs` link, together; each set is ordered, and so are the sets by their first.
pub(crate) fn linked(
    count: usize,
    pairs: impl IntoIterator<Item = (usize, usize)>,
) -> Vec<Vec<usize>> {
    let mut leader: Vec<usize> = (0..count).collect();
    for (a, b) in pairs {
        let [a, b] = [a, b].map(|number| lead(&mut leader, number));
        leader[a.max(b)] = a.min(b);
    }
    let mut together: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for number in 0..count {
        let first = lead(&mut leader, number);
        together.entry(first).or_default().push(number);
    }
    together.into_values().collect()
}

/// The first of those that a number is linked with so far; the way there gets shorter.
fn lead(leader: &mut [usize], mut number: usize) -> usize {
    while leader[number] != number {
        leader[number] = leader[leader[number]];
        number = leader[number];
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_reach_through_others() {
        let found = linked(6, [(4, 1), (3, 4), (5, 5)]);
        assert_eq!(found, [vec![0], vec![1, 3, 4], vec![2], vec![5]]);
    }
}
