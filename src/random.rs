//! Random numbers whose stream never changes: ChaCha8 below, and our own ways to draw from it, since those of
//! general crates may change with their versions and a stored seed has to mean the same for ever.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// A stream of random numbers, fixed by (seed, purpose, number).
#[derive(Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream of `number` (an episode, a repetition) for `purpose` (only the first 24 bytes count) under `seed`.
    /// Streams that differ in any of the three are independent.
    pub fn new(seed: u64, purpose: &str, number: u64) -> Self {
        let mut key = [0u8; 32];
        let (head, tail) = key.split_at_mut(8);
        head.copy_from_slice(&seed.to_le_bytes());
        for (slot, byte) in tail.iter_mut().zip(purpose.bytes()) {
            *slot = byte;
        }
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(number);
        Self(rng)
    }

    /// Uniform in `0..n` without bias (Lemire 2019); 0 when `n` is 0.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the low half of a product, and the high one, which is less than n"
    )]
    pub fn below(&mut self, n: usize) -> usize {
        let n = n as u64;
        loop {
            let product = u128::from(self.0.next_u64()) * u128::from(n);
            let low = product as u64;
            // The few lowest values would make some results likelier than others.
            if low >= n || low >= n.wrapping_neg() % n.max(1) {
                return (product >> 64) as usize;
            }
        }
    }

    /// Uniform in [0, 1), with 53 bits.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal (Box-Muller).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// Shuffles the whole slice (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        self.partial_shuffle(items, items.len());
    }

    /// Makes the first `count` items a random sample, in random order, of the whole slice.
    pub fn partial_shuffle<T>(&mut self, items: &mut [T], count: usize) {
        for i in 0..count.min(items.len()) {
            let j = i + self.below(items.len() - i);
            items.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_the_same_for_ever() {
        let mut stream = Stream::new(1, "test", 0);
        let drawn: Vec<usize> = (0..8).map(|_| stream.below(1000)).collect();
        // Computed by an independent ChaCha8 in Python: floor(1000 u / 2^64).
        assert_eq!(drawn, [867, 832, 127, 23, 946, 109, 76, 908]);
    }

    #[test]
    fn seed_purpose_and_number_each_change_the_stream() {
        let first = |seed, purpose, number| Stream::new(seed, purpose, number).below(1 << 40);
        let base = first(1, "a", 0);
        assert_eq!(base, first(1, "a", 0));
        for other in [first(2, "a", 0), first(1, "b", 0), first(1, "a", 1)] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn below_is_uniform_and_stays_in_range() {
        let mut stream = Stream::new(7, "test", 0);
        let mut counts = [0usize; 7];
        for _ in 0..70_000 {
            counts[stream.below(7)] += 1;
        }
        // 10,000 each with a deviation of 93: five deviations.
        assert!(
            counts.iter().all(|c| c.abs_diff(10_000) < 465),
            "{counts:?}"
        );
        assert_eq!(stream.below(1), 0);
        assert_eq!(stream.below(0), 0);
    }

    #[test]
    fn shuffles_are_permutations_and_every_order_comes_up_equally() {
        let mut stream = Stream::new(3, "test", 0);
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..24_000 {
            let mut items = [0, 1, 2, 3];
            stream.shuffle(&mut items);
            *counts.entry(items).or_insert(0usize) += 1;
        }
        assert_eq!(counts.len(), 24);
        assert!(
            counts.values().all(|c| c.abs_diff(1000) < 155),
            "{counts:?}"
        );
    }

    #[test]
    fn normals_have_mean_zero_and_deviation_one() {
        let mut stream = Stream::new(5, "test", 0);
        let values: Vec<f64> = (0..100_000).map(|_| stream.normal()).collect();
        let mean = values.iter().sum::<f64>() / 1e5;
        let variance = values.iter().map(|v| v * v).sum::<f64>() / 1e5;
        assert!(
            mean.abs() < 0.016 && (variance - 1.0).abs() < 0.023,
            "{mean} {variance}"
        );
    }
}
