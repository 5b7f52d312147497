//! The functions on an edge, and the two bases that they are written in.

use super::tiles::SLOTS;

/// The functions on the edges of a convolution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Basis {
    /// Order of the B-splines, 1 to 3; 0 is the identity, a plain weight.
    pub order: usize,
    /// Cells of the grid.
    pub grid: usize,
    /// The grid spans [centre - range, centre + range].
    pub range: f32,
    /// Middle of the grid. Silu sees the input itself.
    pub centre: f32,
}

impl Basis {
    /// A plain weight.
    pub const IDENTITY: Self = Self {
        order: 0,
        grid: 1,
        range: 1.0,
        centre: 0.0,
    };

    /// Functions on one edge: the splines and silu, or the identity alone.
    pub fn slots(&self) -> usize {
        if self.order == 0 {
            1
        } else {
            self.grid.saturating_add(self.order).saturating_add(1)
        }
    }

    pub(super) fn overrides(&self) -> [(&'static str, f64); 6] {
        [
            ("ORDER", self.order as f64),
            ("GRID", self.grid as f64),
            ("RANGE", f64::from(self.range)),
            ("CENTRE", f64::from(self.centre)),
            ("POWERS", f64::from(u8::from(self.has_powers()))),
            ("TILE_S", self.slot_tile().0 as f64),
        ]
    }

    /// Slots that a kernel works on at a time, and tiles of so many (`shaders/shared/spline.wgsl`).
    pub(super) fn slot_tile(&self) -> (usize, usize) {
        let tiles = self.slots().div_ceil(SLOTS);
        (self.slots().div_ceil(tiles), tiles)
    }

    /// Whether the kernels work with truncated powers (see `shaders/shared/spline.wgsl`) instead of the
    /// B-splines that the parameters are coefficients of. On larger grids the powers cancel too badly.
    pub fn has_powers(&self) -> bool {
        const LARGEST_GRID: usize = 8;
        self.order > 0 && self.grid <= LARGEST_GRID
    }

    /// Whether the forward kernel loads, for each position, only the weights of the splines that are not
    /// zero there. That is faster from the second tile of slots on: `gamaka bench --only kernels` times both.
    pub fn is_local(&self) -> bool {
        self.slot_tile().1 > 1
    }

    /// The matrix [slots, slots] that turns coefficients of B-splines and silu into those of truncated
    /// powers and silu.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::arithmetic_side_effects,
        reason = "orders are at most 3, and grids with powers have at most 8 cells"
    )]
    pub fn powers_from_splines(&self) -> Vec<f64> {
        let Self { order, grid, .. } = *self;
        let slots = self.slots();
        let middle = grid as f64 / 2.0;
        let factorial: f64 = (1..=order).map(|k| k as f64).product();
        let mut matrix = vec![0.0; slots * slots];
        matrix[slots * slots - 1] = 1.0;
        for m in 0..slots - 1 {
            // B_m(v) = sum over j of jump_j * (v - knot_j)_+^order, with v in cells from the middle of
            // the grid (de Boor, A Practical Guide to Splines, chapter IX).
            for j in 0..=order + 1 {
                let knot = m as f64 - order as f64 + j as f64 - middle;
                let sign = if j % 2 == 0 { 1.0 } else { -1.0 };
                let jump = sign * binomial(order + 1, j) / factorial;
                if knot < 0.0 {
                    // The whole power, as it is just left of the middle ...
                    for degree in 0..=order {
                        matrix[degree * slots + m] +=
                            jump * binomial(order, degree) * (-knot).powi((order - degree) as i32);
                    }
                }
                // ... and the truncated one rises to the left of such a knot: (v - k)_+^n is
                // (v - k)^n - (-1)^n (k - v)_+^n.
                let mirror = if order.is_multiple_of(2) { -1.0 } else { 1.0 };
                let inner = knot + middle;
                if inner > 0.0 && inner < grid as f64 {
                    let side = if knot < 0.0 { mirror } else { 1.0 };
                    matrix[(order + inner as usize) * slots + m] += side * jump;
                }
            }
        }
        matrix
    }
}

#[expect(
    clippy::arithmetic_side_effects,
    reason = "n is at most 4, and k no more than n"
)]
fn binomial(n: usize, k: usize) -> f64 {
    (0..k).map(|i| (n - i) as f64 / (i + 1) as f64).product()
}
