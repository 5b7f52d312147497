//! Kernels against their twins at odd shapes.

use gamaka::gpu::{AdapterClass, GpuError};
use gamaka::internals::selftest::{self, Case};
use gamaka::ops::{
    ActivationKind, Augment, Basis, CodebookShape, ConvShape, Distance, EpisodeShape,
    IntegersShape, NormShape, PoolKind, PoolShape, StatisticsShape,
};

use crate::gpu;

/// The kernels as they are made for either class of adapter, on whichever is here.
fn holds(make: impl Fn(AdapterClass) -> Case) {
    for class in [
        AdapterClass::Software,
        AdapterClass::SoftwareScalar,
        AdapterClass::Hardware,
    ] {
        let case = make(class);
        let outcome = selftest::run(gpu(), &case).expect("the device works");
        let Case { label, .. } = &case;
        assert!(
            outcome.worst.holds(),
            "{label}, {class:?}: {:?}",
            outcome.worst
        );
    }
}

const CUBIC: Basis = Basis {
    order: 3,
    grid: 4,
    range: 2.5,
    centre: 0.0,
};

fn conv(ci: usize, input: [usize; 2], co: usize) -> ConvShape {
    ConvShape {
        n: 2,
        ci,
        input,
        co,
        kernel: [3, 3],
        stride: [1, 1],
        padding: [1, 1],
        basis: CUBIC,
    }
}

#[test]
fn spline_convolutions_match_at_odd_channels_and_sizes() {
    for (ci, input, co) in [
        (1, [1, 1], 1),
        (3, [5, 63], 1),
        (1, [3, 65], 3),
        (5, [7, 9], 9),
        (2, [1, 257], 4),
        (3, [9, 9], 17),
    ] {
        holds(|class| selftest::conv(class, &conv(ci, input, co)));
    }
}

#[test]
fn spline_convolutions_match_at_any_stride_padding_and_kernel() {
    let base = conv(3, [11, 13], 5);
    for (kernel, stride, padding) in [
        ([1, 1], [1, 1], [0, 0]),
        ([3, 3], [2, 2], [1, 1]),
        ([3, 5], [1, 2], [0, 2]),
        ([2, 3], [3, 2], [1, 0]),
        ([4, 1], [2, 3], [2, 1]),
        ([1, 1], [2, 2], [0, 0]),
        ([11, 13], [1, 1], [0, 0]),
    ] {
        holds(|class| {
            selftest::conv(
                class,
                &ConvShape {
                    kernel,
                    stride,
                    padding,
                    ..base
                },
            )
        });
    }
}

#[test]
fn splines_of_every_order_and_grid_match_off_the_middle() {
    let base = conv(2, [5, 7], 6);
    for order in 1..=3 {
        for grid in [1, 2, 3, 5, 8, 9, 13, 20] {
            let basis = Basis {
                order,
                grid,
                range: 1.5,
                centre: 0.4,
            };
            holds(|class| selftest::conv(class, &ConvShape { basis, ..base }));
        }
    }
}

#[test]
fn convolutions_of_a_single_image_and_of_many_channels_match() {
    let large = Basis { grid: 20, ..CUBIC };
    for basis in [CUBIC, Basis::IDENTITY, large] {
        for (n, ci, input, co) in [(1, 1, [4, 4], 2), (1, 65, [3, 2], 35), (9, 33, [1, 1], 50)] {
            let shape = ConvShape {
                n,
                basis,
                ..conv(ci, input, co)
            };
            holds(|class| selftest::conv(class, &shape));
        }
    }
}

/// Positions enough for a GPU's largest tiles of splines.
#[test]
fn splines_at_very_many_positions_match() {
    let shape = ConvShape {
        kernel: [1, 1],
        padding: [0, 0],
        ..conv(2, [256, 512], 9)
    };
    let case = selftest::conv(AdapterClass::Hardware, &shape);
    let outcome = selftest::run(gpu(), &case).expect("the device works");
    assert!(outcome.worst.holds(), "{:?}", outcome.worst);
    for (kernel, tile) in [
        ("kan_conv_forward", [("TILE_P", 4.0), ("TILE_O", 3.0)]),
        ("conv_grad_input", [("TILE_P", 4.0), ("TILE_R", 16.0)]),
    ] {
        let step = case.plan.steps.iter().find(|s| s.kernel == kernel);
        for (name, size) in tile {
            let constant = (name.to_string(), size);
            assert!(
                step.unwrap().overrides.contains(&constant),
                "{kernel}: {name}"
            );
        }
    }
}

#[test]
fn plain_convolutions_match() {
    for (ci, input, co) in [(1, [1, 1], 1), (3, [9, 33], 5), (17, [6, 5], 12)] {
        for stride in [1, 2] {
            let shape = ConvShape {
                basis: Basis::IDENTITY,
                stride: [stride; 2],
                ..conv(ci, input, co)
            };
            holds(|class| selftest::conv(class, &shape));
        }
    }
}

/// More rows of outputs than a split's number may be multiplied by in 32 bits.
#[test]
fn weight_gradients_of_very_many_rows_match() {
    for (n, input, basis) in [
        (70_000, [1, 1], CUBIC),
        (2, [36_864, 1], Basis::IDENTITY),
        (65_536, [1, 2], Basis::IDENTITY),
    ] {
        let shape = ConvShape {
            n,
            kernel: [1, 1],
            padding: [0, 0],
            basis,
            ..conv(1, input, 1)
        };
        holds(|class| selftest::conv(class, &shape));
    }
}

/// More turns than lavapipe gives all loops of an invocation, if every turn were one.
#[test]
fn long_loops_match_or_are_refused() {
    holds(|class| selftest::reduce(class, 70_000, 1));
    let statistics = |class, frames| {
        let shape = StatisticsShape {
            n: 1,
            rows: 1,
            frames,
        };
        selftest::statistics(class, &shape)
    };
    holds(|class| statistics(class, 70_000));
    holds(|class| selftest::standardised_rows(class, 300, 300));

    let pool = PoolShape {
        rows: 1,
        input: [260, 260],
        kernel: [260, 260],
        stride: [1, 1],
        kind: PoolKind::Mean,
    };
    for case in [
        statistics(AdapterClass::Software, 300_000),
        selftest::pool(AdapterClass::Software, &pool),
        selftest::reduce(AdapterClass::Software, 600_000, 1),
    ] {
        let refused = selftest::run(gpu(), &case).unwrap_err();
        assert!(matches!(refused, GpuError::LoopTooLong { .. }), "{refused}");
    }
}

#[test]
fn norms_match() {
    for (n, c, groups, positions) in [
        (1, 1, 1, 1),
        (3, 6, 2, 63),
        (2, 5, 5, 257),
        (65, 3, 1, 3),
        (1, 8, 4, 1000),
    ] {
        holds(|class| {
            selftest::norm(
                class,
                &NormShape {
                    n,
                    c,
                    groups,
                    positions,
                },
            )
        });
    }
}

/// The sums of splits and the gradients as convolutions take them, which plans for GPUs have.
#[test]
fn norms_statistics_and_activations_between_convolutions_match() {
    for (shape, groups, splits) in [
        ([1, 1, 1, 2], 1, 2),
        ([3, 5, 7, 9], 1, 1),
        ([2, 6, 3, 11], 3, 4),
        ([2, 8, 4, 5], 2, 3),
        ([2, 13, 1, 1], 1, 2),
        ([1, 3, 16, 65], 3, 7),
        ([2, 300, 2, 2], 1, 2),
    ] {
        holds(|class| selftest::norm_between(class, shape, groups, splits));
    }
    for (shape, splits) in [
        ([1, 1, 1, 2], 2),
        ([3, 5, 7, 9], 1),
        ([2, 9, 3, 1], 3),
        ([2, 4, 5, 120], 18),
    ] {
        for all in [true, false] {
            holds(|class| selftest::statistics_between(class, shape, all, splits));
        }
        for kind in [
            ActivationKind::Silu,
            ActivationKind::Relu,
            ActivationKind::Gelu,
        ] {
            holds(|class| selftest::activation_last(class, kind, shape));
        }
    }
}

#[test]
fn element_wise_kernels_match() {
    for size in [1, 3, 63, 65, 257, 10_001] {
        holds(|class| selftest::element(class, size));
    }
}

#[test]
fn the_kernels_of_the_ceilings_do_their_work() {
    for rows in [1, 129] {
        holds(|class| selftest::ceiling(class, rows));
    }
}

#[test]
fn more_workgroups_than_one_dimension_holds_still_match() {
    holds(|class| selftest::reduce(class, 2, 65_535 * 128 + 77));
}

#[test]
fn partial_sums_match() {
    for (splits, size) in [(1, 1), (3, 65), (257, 3)] {
        holds(|class| selftest::reduce(class, splits, size));
    }
}

#[test]
fn pools_match() {
    for kind in [PoolKind::Mean, PoolKind::Max] {
        for (rows, input, kernel, stride) in [
            (1, [1, 1], [1, 1], [1, 1]),
            (3, [7, 9], [2, 2], [2, 2]),
            (5, [8, 65], [3, 1], [1, 1]),
            (2, [5, 6], [3, 4], [2, 1]),
            (2, [9, 9], [2, 2], [3, 3]),
        ] {
            holds(|class| {
                selftest::pool(
                    class,
                    &PoolShape {
                        rows,
                        input,
                        kernel,
                        stride,
                        kind,
                    },
                )
            });
        }
    }
}

#[test]
fn scales_and_shifts_of_bands_match() {
    for shape in [[1, 1, 1, 1], [2, 3, 5, 65], [3, 1, 63, 33], [1, 1, 64, 257]] {
        holds(|class| selftest::band_affine(class, shape));
    }
}

#[test]
fn statistics_pools_match() {
    for (n, rows, frames) in [(1, 1, 2), (3, 63, 65), (2, 5, 257), (2, 3, 1)] {
        holds(|class| selftest::statistics(class, &StatisticsShape { n, rows, frames }));
    }
}

#[test]
fn clips_match_with_and_without_augmentation() {
    let all = Augment {
        stretch: 0.1,
        shift: 2,
        gain_db: 6.0,
        tilt_db: 3.0,
        band_masks: 2,
        band_mask: 3,
        frame_masks: 1,
        frame_mask: 7,
        noise: 0.1,
    };
    for (bands, frames) in [(1, 1), (3, 33), (16, 65)] {
        holds(|class| selftest::gather(class, bands, frames, &Augment::default()));
    }
    holds(|class| selftest::gather(class, 16, 33, &all));
}

#[test]
fn episodes_match_for_both_distances() {
    for distance in [Distance::Euclidean, Distance::Cosine] {
        for (way, shot, query, width) in
            [(2, 1, 1, 2), (5, 3, 2, 63), (3, 1, 5, 65), (20, 2, 3, 17)]
        {
            let scale = if distance == Distance::Cosine {
                5.0
            } else {
                0.5
            };
            holds(|class| {
                selftest::episode(
                    class,
                    &EpisodeShape {
                        way,
                        shot,
                        query,
                        width,
                        distance,
                        scale,
                    },
                )
            });
        }
    }
}

#[test]
fn distances_of_any_queries_to_any_rows_match() {
    for distance in [Distance::Euclidean, Distance::Cosine] {
        for shape in [
            [1, 1, 1],
            [1, 1003, 64],
            [3, 7, 5],
            [2, 4, 12],
            [9, 129, 66],
        ] {
            holds(|class| selftest::distances(class, distance, shape));
        }
    }
}

#[test]
fn convolutions_by_lists_of_taps_match() {
    let basis = |order, grid| Basis {
        order,
        grid,
        range: 2.0,
        centre: 0.5,
    };
    for (co, n, basis) in [
        (5, 1, basis(1, 2)),
        (9, 3, basis(2, 5)),
        (16, 2, basis(3, 4)),
        (34, 2, basis(3, 9)),
    ] {
        let shape = ConvShape {
            n,
            ci: 3,
            input: [7, 9],
            co,
            kernel: [3, 2],
            stride: [2, 1],
            padding: [1, 1],
            basis,
        };
        holds(|class| selftest::sparse_conv(class, &shape));
    }
}

#[test]
fn optimiser_steps_match_clipped_and_not() {
    for (size, factor) in [(1, 1e-3), (64, 1.0), (100_000, 1e-4)] {
        holds(|class| selftest::optimizer(class, size, factor));
    }
}

#[test]
fn weighted_sums_standardised_and_copied_rows_match() {
    for size in [1, 3, 65, 10_001] {
        holds(|class| selftest::weighted(class, size));
    }
    for sizes in [[1, 1, 4], [7, 8, 12], [33, 21, 64], [1000, 2, 4]] {
        holds(|class| selftest::sparse(class, sizes));
    }
    for (rows, width) in [(1, 1), (3, 63), (25, 65), (63, 257)] {
        holds(|class| selftest::standardised_rows(class, rows, width));
    }
    for (way, sizes) in [(1, [1, 1]), (5, [3, 63]), (3, [257, 65])] {
        holds(|class| selftest::rows(class, way, sizes));
    }
}

#[test]
fn targets_and_the_loss_of_predictions_match_at_odd_sizes_and_for_zero_vectors() {
    for (rows, width) in [
        (1, 1),
        (3, 7),
        (5, 65),
        (4, 64),
        (2, 513),
        (131, 33),
        (64, 2048),
    ] {
        holds(|class| selftest::teacher(class, rows, width));
    }
}

#[test]
fn spectra_match_for_every_supported_length() {
    for n_fft in [4, 10, 256, 400, 512, 1000, 1024, 2048, 4096] {
        holds(|class| selftest::mel(class, n_fft, n_fft / 3 + 1, [2, 3]));
    }
}

#[test]
fn every_finite_half_is_unpacked_to_the_bit() {
    for (first, count) in [(0, 1), (4, 63), (64, 65), (0, 0x7c00 * 3)] {
        holds(|class| selftest::halves(class, first, count));
    }
}

#[test]
fn packed_parameters_are_unpacked_to_the_bit_at_odd_shapes() {
    for size in [[1, 4], [7, 12], [65, 20], [864, 96]] {
        for (bits, block) in [(4, 1), (4, 72), (8, 3), (8, 1000)] {
            holds(|class| selftest::integers(class, &IntegersShape { size, bits, block }));
        }
    }
    for (size, slots) in [([1, 4], 1), ([3, 12], 7), ([27, 20], 8), ([864, 96], 8)] {
        for (index_bits, block, curves) in [(8, 1, 1), (8, 9, 256), (16, 5, 257), (16, 1000, 4099)]
        {
            let shape = CodebookShape {
                size,
                slots,
                index_bits,
                block,
            };
            holds(|class| selftest::codebook(class, &shape, curves));
        }
    }
}

#[test]
fn weights_are_rounded_to_their_scales() {
    for (bits, size) in [(4, 1), (4, 1203), (8, 65), (8, 10_001)] {
        holds(|class| selftest::rounded(class, bits, size));
    }
}
