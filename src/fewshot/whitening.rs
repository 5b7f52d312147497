//! Embeddings as they differ from the music that a model was trained on.

/// What embeddings go through before they are asked whether they are near at all: less the centre of the training files'
/// embeddings, times the inverse square root of their covariance, so that all directions vary alike. In the plain cosine
/// what all music shares outweighs the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Whitening {
    /// Mean embedding of the training files; empty where it is not known.
    centre: Vec<f32>,
    /// The root.
    root: Root,
}

#[derive(Debug, Clone, PartialEq)]
enum Root {
    /// The covariance is not known.
    Unknown,
    /// Of each dimension by itself.
    Diagonal(Vec<f32>),
    /// Of all dimensions, a symmetric matrix: `width` rows of `width`.
    Whole(Vec<f32>),
}

impl Whitening {
    /// By all covariances. `root` is the symmetric matrix that vectors are multiplied by: [width, width].
    pub fn whole(centre: Vec<f32>, root: Vec<f32>) -> Self {
        debug_assert_eq!(root.len(), centre.len() * centre.len());
        Self {
            centre,
            root: Root::Whole(root),
        }
    }

    /// By the deviation of each dimension, for want of the covariances; with neither centre nor spread nothing changes.
    pub fn diagonal(centre: &[f32], spread: &[f32]) -> Self {
        let root = match spread.len() == centre.len() && !spread.is_empty() {
            true => Root::Diagonal(spread.iter().map(|d| d.recip()).collect()),
            false => Root::Unknown,
        };
        Self {
            centre: centre.to_vec(),
            root,
        }
    }

    /// What vectors are less; empty where it is not known.
    pub(crate) fn centre(&self) -> &[f32] {
        &self.centre
    }

    /// What each dimension is multiplied by; empty where that is not known or all dimensions go together.
    pub(crate) fn scale(&self) -> &[f32] {
        match &self.root {
            Root::Diagonal(scale) => scale,
            _ => &[],
        }
    }

    /// The matrix that vectors are multiplied by, [width, width]; empty where the covariances are not known.
    pub(crate) fn root(&self) -> &[f32] {
        match &self.root {
            Root::Whole(root) => root,
            _ => &[],
        }
    }

    /// Whether it knows all covariances.
    pub fn is_whole(&self) -> bool {
        matches!(self.root, Root::Whole(_))
    }

    /// The vector of an embedding, of the same length.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the products are summed in f64"
    )]
    pub fn apply(&self, embedding: &[f32]) -> Vec<f32> {
        let mut less = embedding.to_vec();
        for (value, centre) in less.iter_mut().zip(&self.centre) {
            *value -= centre;
        }
        match &self.root {
            Root::Unknown => less,
            Root::Diagonal(scale) => less.iter().zip(scale).map(|(x, s)| x * s).collect(),
            Root::Whole(_) if less.is_empty() => less,
            Root::Whole(matrix) => {
                let rows = matrix.chunks_exact(less.len());
                rows.map(|row| {
                    let products = row.iter().zip(&less);
                    products
                        .map(|(&m, &x)| f64::from(m) * f64::from(x))
                        .sum::<f64>() as f32
                })
                .collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_centred_and_multiplied() {
        let whole = Whitening::whole(vec![1.0, 2.0], vec![2.0, 1.0, 1.0, 3.0]);
        assert_eq!(whole.apply(&[2.0, 4.0]), [4.0, 7.0]);
        let diagonal = Whitening::diagonal(&[1.0, 2.0], &[2.0, 4.0]);
        assert_eq!(diagonal.apply(&[3.0, 6.0]), [1.0, 1.0]);
        assert!(whole.apply(&[]).is_empty());
        assert_eq!(Whitening::diagonal(&[1.0], &[]).apply(&[3.0]), [2.0]);
        assert_eq!(Whitening::diagonal(&[], &[]).apply(&[3.0]), [3.0]);
    }
}
