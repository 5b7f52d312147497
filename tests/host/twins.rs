//! The CPU twins, from first principles: recursions, finite differences, naive sums.

use gamaka::internals::reference::*;
use gamaka::ops::{
    ActivationKind, AdamW, Augment, Basis, ConvShape, Distance, EpisodeShape, NormShape, Place,
    PoolKind, PoolShape, Slot, StatisticsShape, StepInfo,
};

fn normals(count: usize, stream: u32) -> Vec<f64> {
    (0..count)
        .map(|k| normal([5, 6, stream, k as u32]))
        .collect()
}

fn near(got: f64, want: f64, tolerance: f64, what: &str) {
    assert!(
        (got - want).abs() <= tolerance * want.abs().max(1.0),
        "{what}: {got} for {want}"
    );
}

/// Checks a gradient against central differences of `f` at every element of `at`.
fn assert_gradient(what: &str, at: &[f64], gradient: &[f64], f: impl Fn(&[f64]) -> f64) {
    let h = 1e-5;
    assert_eq!(at.len(), gradient.len(), "{what}");
    for k in 0..at.len() {
        let moved = |by: f64| {
            let mut x = at.to_vec();
            x[k] += by;
            f(&x)
        };
        near(
            gradient[k],
            (moved(h) - moved(-h)) / (2.0 * h),
            1e-6,
            &format!("{what} [{k}]"),
        );
    }
}

fn weighted(values: &[f64], weights: &[f64]) -> f64 {
    values.iter().zip(weights).map(|(v, w)| v * w).sum()
}

/// Cox-de Boor recursion on the uniform knots that extend the grid by `order` on each side.
fn de_boor(basis: &Basis, m: usize, order: usize, z: f64) -> f64 {
    let range = f64::from(basis.range);
    let h = 2.0 * range / basis.grid as f64;
    let first = f64::from(basis.centre) - range;
    let knot = |i: usize| first + (i as f64 - basis.order as f64) * h;
    if order == 0 {
        return f64::from(u8::from(knot(m) <= z && z < knot(m + 1)));
    }
    let left = (z - knot(m)) / (knot(m + order) - knot(m)) * de_boor(basis, m, order - 1, z);
    let right = (knot(m + order + 1) - z) / (knot(m + order + 1) - knot(m + 1))
        * de_boor(basis, m + 1, order - 1, z);
    left + right
}

fn bases() -> Vec<Basis> {
    let mut all = Vec::new();
    for order in 1..=3 {
        for grid in [1, 2, 3, 4, 5, 8, 9] {
            for centre in [0.0, 0.5] {
                all.push(Basis {
                    order,
                    grid,
                    range: 1.75,
                    centre,
                });
            }
        }
    }
    all
}

#[test]
fn splines_are_those_of_the_cox_de_boor_recursion() {
    for basis in bases() {
        for k in 0..200 {
            let z = f64::from(basis.centre) - 1.75 + 3.5 * (k as f64 + 0.5) / 200.0;
            for m in 0..basis.grid + basis.order {
                near(
                    edge_basis(&basis, m, z),
                    de_boor(&basis, m, basis.order, z),
                    1e-12,
                    &format!("{basis:?} {m} {z}"),
                );
            }
        }
    }
}

#[test]
fn splines_sum_to_one_and_go_on_along_their_tangent() {
    for basis in bases() {
        let splines = basis.grid + basis.order;
        for z in [-5.0, -1.8, -1.75, -0.3, 0.0, 1.0, 1.75, 4.0] {
            let sum: f64 = (0..splines).map(|m| edge_basis(&basis, m, z)).sum();
            near(sum, 1.0, 1e-12, &format!("{basis:?} {z}"));
        }
        for m in 0..splines {
            for (edge, far) in [(-1.75, -4.0), (1.75, 3.0)] {
                let centre = f64::from(basis.centre);
                let (edge, far) = (centre + edge, centre + far);
                // The slope at the edge, from inside.
                let inside = edge - (far - edge).signum() * 1e-7;
                let slope =
                    (edge_basis(&basis, m, edge) - edge_basis(&basis, m, inside)) / (edge - inside);
                let want = edge_basis(&basis, m, edge) + slope * (far - edge);
                near(
                    edge_basis(&basis, m, far),
                    want,
                    1e-5,
                    &format!("{basis:?} {m} {far}"),
                );
            }
        }
    }
}

#[test]
fn slopes_of_all_slots_are_their_derivatives() {
    for basis in bases().into_iter().chain([Basis::IDENTITY]) {
        // Away from the knots, where splines of order 1 have corners.
        for z in [-3.1, -1.1234, -0.4321, 0.1717, 1.2121, 2.9] {
            for m in 0..basis.slots() {
                let numeric =
                    (edge_basis(&basis, m, z + 1e-6) - edge_basis(&basis, m, z - 1e-6)) / 2e-6;
                near(
                    edge_basis_slope(&basis, m, z),
                    numeric,
                    1e-6,
                    &format!("{basis:?} {m} {z}"),
                );
            }
        }
    }
}

#[test]
fn truncated_powers_are_the_same_splines() {
    for basis in bases().into_iter().filter(Basis::has_powers) {
        let slots = basis.slots();
        let matrix = basis.powers_from_splines();
        for m in 0..slots - 1 {
            for z in [-7.0, -2.4, -1.1234, -0.5, 0.0, 0.1717, 1.2121, 2.5, 6.3] {
                let powers: f64 = (0..slots - 1)
                    .map(|a| matrix[a * slots + m] * truncated_power(&basis, a, z))
                    .sum();
                near(
                    powers,
                    edge_basis(&basis, m, z),
                    1e-9,
                    &format!("{basis:?} {m} {z}"),
                );
            }
            assert_eq!(matrix[(slots - 1) * slots + m], 0.0);
            assert_eq!(matrix[m * slots + slots - 1], 0.0);
        }
        assert_eq!(matrix[slots * slots - 1], 1.0);
    }
}

#[test]
fn the_last_slot_is_silu() {
    let basis = Basis {
        order: 3,
        grid: 4,
        range: 2.5,
        centre: 0.0,
    };
    assert_eq!(basis.slots(), 8);
    for z in [-30.0f64, -1.0, 0.0, 2.0] {
        near(
            edge_basis(&basis, 7, z),
            z / (1.0 + (-z).exp()),
            1e-12,
            "silu",
        );
    }
}

const CUBIC: Basis = Basis {
    order: 3,
    grid: 3,
    range: 1.5,
    centre: 0.0,
};

fn conv_shapes() -> [ConvShape; 3] {
    let base = ConvShape {
        n: 2,
        ci: 2,
        input: [4, 5],
        co: 3,
        kernel: [3, 2],
        stride: [2, 1],
        padding: [1, 1],
        basis: CUBIC,
    };
    [
        base,
        ConvShape {
            basis: Basis::IDENTITY,
            ..base
        },
        ConvShape {
            kernel: [1, 1],
            padding: [0, 0],
            ..base
        },
    ]
}

/// A convolution by an image that is really padded, with the taps' functions called one by one.
#[test]
fn a_convolution_is_the_sum_of_its_edges_and_padded_taps_are_absent() {
    for shape in conv_shapes() {
        let x = normals(shape.n * shape.ci * 20, 1);
        let weight = normals(shape.weight_len(), 2);
        let bias = normals(shape.co, 3);
        let y = conv_forward(&shape, &x, &weight, &bias);
        let [oh, ow] = shape.output();
        let [ph, pw] = shape.padding;
        for (k, &got) in y.iter().enumerate() {
            let (n, o, row, column) = (k / (3 * oh * ow), k / (oh * ow) % 3, k / ow % oh, k % ow);
            let mut want = bias[o];
            for i in 0..shape.ci {
                let mut padded = vec![None; (4 + 2 * ph) * (5 + 2 * pw)];
                for h in 0..4 {
                    for w in 0..5 {
                        padded[(h + ph) * (5 + 2 * pw) + w + pw] =
                            Some(x[((n * shape.ci + i) * 4 + h) * 5 + w]);
                    }
                }
                for kh in 0..shape.kernel[0] {
                    for kw in 0..shape.kernel[1] {
                        let at = (row * shape.stride[0] + kh) * (5 + 2 * pw)
                            + column * shape.stride[1]
                            + kw;
                        let tap = (i * shape.kernel[0] + kh) * shape.kernel[1] + kw;
                        if let Some(z) = padded[at] {
                            for m in 0..shape.basis.slots() {
                                let c =
                                    weight[(tap * shape.basis.slots() + m) * shape.co_pad() + o];
                                want += c * edge_basis(&shape.basis, m, z);
                            }
                        }
                    }
                }
            }
            near(got, want, 1e-12, &format!("{shape:?} [{k}]"));
        }
    }
}

#[test]
fn gradients_of_convolutions_are_their_finite_differences() {
    for shape in conv_shapes() {
        let x = normals(shape.n * shape.ci * 20, 1);
        let weight = normals(shape.weight_len(), 2);
        let bias = normals(shape.co, 3);
        let y = conv_forward(&shape, &x, &weight, &bias);
        let g = normals(y.len(), 4);
        assert_gradient("by x", &x, &conv_grad_input(&shape, &x, &weight, &g), |x| {
            weighted(&conv_forward(&shape, x, &weight, &bias), &g)
        });
        assert_gradient(
            "by weight",
            &weight,
            &conv_grad_weight(&shape, &x, &g),
            |w| weighted(&conv_forward(&shape, &x, w, &bias), &g),
        );
        let area = shape.output()[0] * shape.output()[1];
        let by_bias = reduce_partials(&channel_sum(&g, area), shape.co);
        assert_gradient("by bias", &bias, &by_bias, |b| {
            weighted(&conv_forward(&shape, &x, &weight, b), &g)
        });
    }
}

#[test]
fn a_norm_gives_mean_zero_and_variance_one_and_its_gradients_are_finite_differences() {
    for groups in [1, 2, 4] {
        let shape = NormShape {
            n: 2,
            c: 4,
            groups,
            positions: 5,
        };
        let x = normals(40, 1);
        let affine = normals(8, 2);
        let plain: Vec<f64> = [[1.0; 4], [0.0; 4]].concat();
        for row in group_norm_forward(&shape, &x, &plain).chunks(4 / groups * 5) {
            near(
                row.iter().sum::<f64>() / row.len() as f64,
                0.0,
                1e-12,
                "mean",
            );
            near(
                row.iter().map(|v| v * v).sum::<f64>() / row.len() as f64,
                1.0,
                1e-3,
                "variance",
            );
        }
        let g = normals(40, 3);
        assert_gradient(
            "by x",
            &x,
            &group_norm_grad_input(&shape, &x, &affine, &g),
            |x| weighted(&group_norm_forward(&shape, x, &affine), &g),
        );
        assert_gradient(
            "by affine",
            &affine,
            &group_norm_grad_weight(&shape, &x, &g),
            |a| weighted(&group_norm_forward(&shape, &x, a), &g),
        );
    }
}

#[test]
fn a_band_less_its_mean_over_its_deviation_is_a_scale_and_a_shift() {
    let x = normals(60, 1);
    let (mean, deviation) = ([0.5, -1.0, 2.0], [0.1, 3.0, 1.0]);
    let scale = deviation.iter().map(|d| 1.0 / d);
    let shift = mean.iter().zip(&deviation).map(|(m, d)| -m / d);
    let affine: Vec<f64> = scale.chain(shift).collect();
    let y = band_affine(3, 5, &x, &affine);
    for (k, (x, y)) in x.iter().zip(&y).enumerate() {
        let band = k / 5 % 3;
        assert!((y * deviation[band] + mean[band] - x).abs() < 1e-12);
    }
    // Without shifts it is its own gradient.
    let g = normals(60, 2);
    let scales = [&affine[..3], &[0.0; 3]].concat();
    assert_gradient("band_affine", &x, &band_affine(3, 5, &g, &scales), |x| {
        weighted(&band_affine(3, 5, x, &affine), &g)
    });
}

#[test]
fn gradients_of_activations_and_pools_are_their_finite_differences() {
    let x = normals(60, 1);
    let g = normals(60, 2);
    for kind in [
        ActivationKind::Silu,
        ActivationKind::Relu,
        ActivationKind::Gelu,
    ] {
        assert_gradient(
            "activation",
            &x,
            &activation_grad_input(kind, &x, &g),
            |x| weighted(&activation_forward(kind, x), &g),
        );
    }
    for kind in [PoolKind::Mean, PoolKind::Max] {
        let shape = PoolShape {
            rows: 2,
            input: [5, 6],
            kernel: [3, 2],
            stride: [1, 2],
            kind,
        };
        assert_gradient("pool", &x, &pool_grad_input(&shape, &x, &g[..18]), |x| {
            weighted(&pool_forward(&shape, x), &g)
        });
    }
    let shape = StatisticsShape {
        n: 2,
        rows: 3,
        frames: 10,
    };
    assert_gradient(
        "statistics",
        &x,
        &statistics_pool_grad_input(&shape, &x, &g[..12]),
        |x| weighted(&statistics_pool_forward(&shape, x), &g),
    );
}

#[test]
fn statistics_are_mean_and_deviation() {
    let y = statistics_pool_forward(
        &StatisticsShape {
            n: 1,
            rows: 2,
            frames: 4,
        },
        &[1.0, 2.0, 3.0, 4.0, 7.0, 7.0, 7.0, 7.0],
    );
    near(y[0], 2.5, 1e-12, "mean");
    near(y[1], 7.0, 1e-12, "mean");
    near(y[2], 1.25f64.sqrt(), 1e-4, "deviation");
    assert!(y[3] < 0.01, "a constant row has next to no deviation");
}

#[test]
fn the_gradient_of_an_episode_is_its_finite_difference_for_both_distances() {
    for distance in [Distance::Euclidean, Distance::Cosine] {
        let shape = EpisodeShape {
            way: 3,
            shot: 2,
            query: 2,
            width: 4,
            distance,
            scale: 0.75,
        };
        let embedding = normals(shape.clips() * 4, 1);
        let loss = |e: &[f64]| {
            let distances = distance_forward(&shape, e, &prototype_forward(&shape, e));
            let (score, _) = episode_loss(&shape, &distances);
            score.iter().step_by(2).sum::<f64>() / shape.queries() as f64
        };
        let distances =
            distance_forward(&shape, &embedding, &prototype_forward(&shape, &embedding));
        let (_, by_distance) = episode_loss(&shape, &distances);
        assert_gradient(
            "embedding",
            &embedding,
            &distance_grad(&shape, &embedding, &by_distance),
            loss,
        );
    }
}

#[test]
fn a_predictions_loss_is_its_squared_error_and_its_angle_and_the_gradient_its_finite_difference() {
    let (rows, width) = (4, 5);
    let mut prediction = normals(rows * width, 31);
    let mut target = normals(rows * width, 32);
    // A right angle, the same direction, and a target without one.
    prediction[..width].copy_from_slice(&[3.0, 0.0, 0.0, 4.0, 0.0]);
    target[..width].copy_from_slice(&[0.0, 1.0, 2.0, 0.0, 0.0]);
    for d in 0..width {
        target[width + d] = 2.0 * prediction[width + d];
    }
    target[2 * width..3 * width].fill(0.0);
    let (score, _) = prediction_loss([0.5, 1.0], width, &prediction, &target);
    near(
        score[0],
        (9.0 + 1.0 + 4.0 + 16.0) / 5.0 + 0.5,
        1e-12,
        "right angle",
    );
    for (row, cosine) in [(0, 0.0), (1, 1.0), (2, 0.0)] {
        near(score[2 * row + 1], cosine, 1e-12, "cosine");
    }
    for [cosine, weight] in [[0.0, 1.0], [1.0, 1.0], [0.7, 3.0]] {
        let mean = |p: &[f64]| {
            let (score, _) = prediction_loss([cosine, weight], width, p, &target);
            weight * score.iter().step_by(2).sum::<f64>() / rows as f64
        };
        let (_, grad) = prediction_loss([cosine, weight], width, &prediction, &target);
        assert_gradient("prediction", &prediction, &grad, mean);
    }
    // Where the prediction is 0 only the squared error has a slope.
    let zero = vec![0.0; width];
    let (score, grad) = prediction_loss([1.0, 1.0], width, &zero, &target[..width]);
    near(score[0], 1.0 + 1.0, 1e-12, "a prediction of 0");
    near(grad[2], -2.0 * 2.0 / 5.0, 1e-12, "its slope");
}

#[test]
fn targets_are_found_by_buffer_and_row() {
    let (first, second) = (normals(6, 1), normals(9, 2));
    let places = [(1, 2), (0, 1), (1, 0)].map(|(bank, row)| Place { bank, row });
    let found = target_gather(&[&first, &second], 3, &places);
    assert_eq!(found, [&second[6..9], &first[3..6], &second[..3]].concat());
}

#[test]
fn a_clip_of_a_window_lies_in_it_and_reads_on_behind_it_at_a_quick_rate() {
    // 4 bands of a file of 40 frames that count: band 0 from 1, band 1 from 51, ...
    let bank: Vec<f64> = (0..4 * 40)
        .map(|k| f64::from(k / 40 * 50 + k % 40 + 1))
        .collect();
    let cut = |slot: Slot, augment: &Augment, step: u32| {
        let info = StepInfo {
            seed: 3,
            step,
            ..StepInfo::default()
        };
        clip_gather(augment, 4, 8, &bank, &[slot], &info)
    };
    let file = Slot::file(0, 0, 40);
    let plain = Augment::default();
    for step in 0..50 {
        // As wide as the clip: the window itself.
        let exact = cut(file.window(10, 18), &plain, step);
        for (k, value) in exact.iter().enumerate() {
            let want = k / 8 * 50 + 10 + k % 8 + 1;
            near(*value, want as f64, 1e-9, "exact");
        }
        // Wider: anywhere in it.
        let wide = cut(file.window(8, 20), &plain, step);
        assert!(wide[0] >= 9.0 && wide[7] <= 20.0 + 1e-9, "{wide:?}");
        // Quicker: it begins with the window, and no frame is silent.
        let stretch = Augment {
            stretch: 0.5,
            ..plain
        };
        let quick = cut(file.window(10, 18), &stretch, step);
        assert!(
            quick[0] >= 11.0 && quick[7] > 11.0 + 3.0 && quick[7] < 11.0 + 10.6,
            "{quick:?}"
        );
    }
    // At the end of the file there is nothing behind it.
    let last = (0..50).map(|step| {
        let stretch = Augment {
            stretch: 0.5,
            ..plain
        };
        cut(file.window(32, 40), &stretch, step)[7]
    });
    assert!(last.into_iter().any(|value| value == 0.0));
}

#[test]
fn the_gradient_of_the_squared_error_is_its_finite_difference() {
    let (y, target) = (normals(7, 1), normals(7, 2));
    let mean = |y: &[f64]| squared_error(y, &target).0.iter().sum::<f64>() / 7.0;
    near(mean(&target), 0.0, 1e-15, "no error");
    assert_gradient("squared error", &y, &squared_error(&y, &target).1, mean);
}

#[test]
fn the_loss_is_softmax_cross_entropy_and_counts_the_nearest() {
    let shape = EpisodeShape {
        way: 2,
        shot: 1,
        query: 1,
        width: 1,
        distance: Distance::Euclidean,
        scale: 2.0,
    };
    let (score, _) = episode_loss(&shape, &[0.5, 1.0, 0.25, 4.0]);
    let p = |a: f64, b: f64| (-2.0 * a).exp() / ((-2.0 * a).exp() + (-2.0 * b).exp());
    near(score[0], -p(0.5, 1.0).ln(), 1e-12, "first query, class 0");
    near(score[2], -p(4.0, 0.25).ln(), 1e-12, "second query, class 1");
    assert_eq!((score[1], score[3]), (1.0, 0.0));
}

#[test]
fn adamw_moves_by_the_rate_against_a_constant_gradient_clips_and_decays() {
    let constants = AdamW {
        epsilon: 0.0,
        clip: 1e9,
        ..AdamW::default()
    };
    let mut state = AdamWState {
        parameter: vec![1.0; 64],
        first: vec![0.0; 64],
        second: vec![0.0; 64],
        ..AdamWState::default()
    };
    let grad: Vec<f64> = (0..64)
        .map(|k| if k % 2 == 0 { 3.0 } else { -0.01 })
        .collect();
    for step in 1..=5 {
        adamw_step(&constants, &mut state, &grad, &[0.0], 0.01);
        for (k, p) in state.parameter.iter().enumerate() {
            near(
                *p,
                1.0 - f64::from(step) * 0.01 * grad[k].signum(),
                1e-9,
                "constant gradient",
            );
        }
    }
    // Moments see the clipped gradient.
    let clipped = AdamW {
        clip: 1.0,
        ..AdamW::default()
    };
    let mut fresh = AdamWState {
        parameter: vec![0.0; 64],
        first: vec![0.0; 64],
        second: vec![0.0; 64],
        ..Default::default()
    };
    let norm = adamw_step(&clipped, &mut fresh, &grad, &[0.0], 0.01);
    near(fresh.first[0], 0.1 * 3.0 / norm, 1e-6, "clipped");
    // Decay alone: a zero gradient.
    let mut decayed = AdamWState {
        parameter: vec![2.0; 64],
        first: vec![0.0; 64],
        second: vec![0.0; 64],
        ..Default::default()
    };
    adamw_step(&AdamW::default(), &mut decayed, &[0.0; 64], &[0.5], 0.1);
    near(decayed.parameter[9], 2.0 * (1.0 - 0.05), 1e-12, "decay");
}

#[test]
fn adamw_skips_a_step_whose_gradient_is_not_finite() {
    let start = AdamWState {
        parameter: vec![1.0; 64],
        first: vec![0.0; 64],
        second: vec![0.0; 64],
        ..Default::default()
    };
    for bad in [f64::NAN, f64::INFINITY] {
        let mut state = start.clone();
        let mut grad = vec![1.0; 64];
        grad[17] = bad;
        adamw_step(&AdamW::default(), &mut state, &grad, &[0.1], 0.1);
        assert_eq!(
            state,
            AdamWState {
                skipped: 1,
                ..start.clone()
            }
        );
    }
}

#[test]
fn the_curvature_penalty_is_zero_on_straight_lines_and_its_gradient_a_finite_difference() {
    let line: Vec<f64> = (0..2 * 6 * 4).map(|k| (k / 4 % 6) as f64 * 0.5).collect();
    near(curvature(3.0, 6, 4, &line), 0.0, 1e-12, "a line");
    let coefficients = normals(2 * 6 * 4, 1);
    assert_gradient(
        "curvature",
        &coefficients,
        &curvature_penalty(0.7, 6, 4, &coefficients),
        |c| curvature(0.7, 6, 4, c),
    );
    // One coefficient, one cell of order 1, has no second difference.
    assert_eq!(curvature(1.0, 3, 4, &normals(12, 2)), 0.0);
}

#[test]
fn random_numbers_are_those_of_the_published_hash_and_look_uniform_and_normal() {
    // From an independent implementation of pcg4d (Jarzynski & Olano 2020).
    assert_eq!(pcg4d([0, 0, 0, 0]), PCG4D_ZERO);
    assert_eq!(pcg4d([1, 2, 3, 4]), PCG4D_1234);
    let n = 20_000;
    let uniform: Vec<f64> = (0..n).map(|k| uniform4([1, 2, 3, k])[0]).collect();
    assert!(uniform.iter().all(|u| (0.0..1.0).contains(u)));
    near(
        uniform.iter().sum::<f64>() / f64::from(n),
        0.5,
        0.01,
        "mean",
    );
    let normals = normals(n as usize, 9);
    near(
        normals.iter().sum::<f64>() / f64::from(n),
        0.0,
        0.03,
        "mean",
    );
    near(
        normals.iter().map(|v| v * v).sum::<f64>() / f64::from(n),
        1.0,
        0.03,
        "variance",
    );
}

const PCG4D_ZERO: [u32; 4] = [0x0f02_f829, 0x2d56_8769, 0x32b0_c43b, 0xd325_48ea];
const PCG4D_1234: [u32; 4] = [0x3622_cd16, 0xf114_71d8, 0xe110_9b3f, 0x02b9_4c2f];

fn gather(augment: &Augment, bank: &[f64], frames: u32, step: u32) -> Vec<f64> {
    let slot = Slot::file(0, 0, frames);
    clip_gather(
        augment,
        4,
        8,
        bank,
        &[slot],
        &StepInfo {
            seed: 3,
            step,
            ..StepInfo::default()
        },
    )
}

#[test]
fn a_clip_without_augmentation_is_a_crop_and_a_short_file_ends_in_silence() {
    let bank: Vec<f64> = (0..4 * 20)
        .map(|k| (k / 20) as f64 + (k % 20) as f64 / 100.0)
        .collect();
    let mut starts = std::collections::HashSet::new();
    for step in 0..50 {
        let clip = gather(&Augment::default(), &bank, 20, step);
        let start = ((clip[0] * 100.0).round() as usize) % 100;
        // Reading between frames: the first value tells where the crop begins.
        for band in 0..4 {
            for frame in 0..8 {
                let want = band as f64 + clip[0] + frame as f64 / 100.0;
                near(clip[band * 8 + frame], want, 1e-9, "crop");
            }
        }
        starts.insert(start);
    }
    assert!(starts.len() > 5, "crops begin everywhere: {starts:?}");
    let short: Vec<f64> = vec![0.5; 4 * 3];
    let clip = gather(&Augment::default(), &short, 3, 0);
    assert!(
        clip.chunks(8)
            .all(|row| row[..3].iter().all(|v| (v - 0.5).abs() < 1e-9)
                && row[3..].iter().all(|v| *v == 0.0))
    );
}

#[test]
fn gain_acts_on_power_and_masks_are_silent() {
    let bank = vec![1.0; 4 * 8];
    let louder = Augment {
        gain_db: 10.0,
        ..Augment::default()
    };
    let powers: Vec<f64> = (0..40)
        .map(|step| 10f64.powf(gather(&louder, &bank, 8, step)[0]) - 1.0)
        .collect();
    assert!(
        powers.iter().all(|p| (0.89..=90.01).contains(p)),
        "9 times 0.1 to 10: {powers:?}"
    );
    assert!(powers.iter().any(|p| *p > 30.0) && powers.iter().any(|p| *p < 3.0));
    let masked = Augment {
        band_masks: 1,
        band_mask: 2,
        frame_masks: 1,
        frame_mask: 3,
        ..Augment::default()
    };
    let silent: Vec<usize> = (0..40)
        .map(|step| {
            gather(&masked, &bank, 8, step)
                .iter()
                .filter(|v| **v == 0.0)
                .count()
        })
        .collect();
    assert!(silent.iter().all(|s| *s <= 2 * 8 + 4 * 3) && silent.iter().any(|s| *s > 8));
}
