//! What belongs together, directly or through others.

use std::collections::BTreeMap;

/// The numbers below `count` that `pairs` link, together; each set is ordered, and so are the sets by their first.
pub(super) fn linked(
    count: usize,
    pairs: impl IntoIterator<Item = (usize, usize)>,
) -> Vec<Vec<usize>> {
    let mut leader: Vec<usize> = (0..count).collect();
    for (a, b) in pairs {
        let (kept, joined) = (leader[a].min(leader[b]), leader[a].max(leader[b]));
        for leader in leader.iter_mut().filter(|leader| **leader == joined) {
            *leader = kept;
        }
    }
    let mut together: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (number, &leader) in leader.iter().enumerate() {
        together.entry(leader).or_default().push(number);
    }
    together.into_values().collect()
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
