//! One small case for each kernel.

use super::case::Case;
use super::episode::{
    distances, episode, gather, optimizer, rows, sparse, standardised_rows, teacher, weighted,
};
use super::joined::{activation_last, norm_between, statistics_between};
use super::layers::{band_affine, ceiling, conv, element, norm, pool, sparse_conv, statistics};
use super::mel::mel;
use super::packed::{codebook, halves, integers, rounded};
use crate::gpu::{AdapterClass, Tuning};
use crate::ops::{
    ActivationKind, Augment, Basis, CodebookShape, ConvShape, Distance, EpisodeShape,
    IntegersShape, NormShape, Pass, PoolKind, PoolShape, StatisticsShape, Variant, candidates,
    operation,
};

/// A class, with tiles in workgroup memory for a convolution.
fn by_tiles(class: AdapterClass, shape: &ConvShape) -> Tuning {
    let passes = [Pass::Forward, Pass::GradInput, Pass::GradWeight];
    let choice = |pass| {
        let mut variants = candidates(pass, shape, AdapterClass::Hardware).into_iter();
        let tiled = variants.find(|variant| matches!(variant, Variant::Tiled(_)))?;
        Some((operation(pass, shape), tiled.to_string()))
    };
    Tuning::new(class, passes.into_iter().filter_map(choice).collect())
}

/// One small case for each kernel: what `gamaka doctor` runs.
pub fn doctor_cases(class: AdapterClass) -> Vec<Case> {
    let basis = Basis {
        order: 3,
        grid: 4,
        range: 2.5,
        centre: 0.25,
    };
    let spline = ConvShape {
        n: 2,
        ci: 5,
        input: [17, 19],
        co: 10,
        kernel: [3, 3],
        stride: [2, 2],
        padding: [1, 1],
        basis,
    };
    let plain = ConvShape {
        basis: Basis::IDENTITY,
        ..spline
    };
    let augment = Augment {
        stretch: 0.1,
        shift: 2,
        gain_db: 6.0,
        tilt_db: 3.0,
        band_masks: 1,
        band_mask: 4,
        frame_masks: 2,
        frame_mask: 5,
        noise: 0.05,
    };
    let pooling = PoolShape {
        rows: 3,
        input: [9, 11],
        kernel: [3, 2],
        stride: [2, 2],
        kind: PoolKind::Max,
    };
    let shots = EpisodeShape {
        way: 5,
        shot: 3,
        query: 4,
        width: 33,
        distance: Distance::Euclidean,
        scale: 0.1,
    };
    vec![
        halves(class, 64, 1000),
        rounded(class, 4, 1001),
        integers(
            class,
            &IntegersShape {
                size: [63, 12],
                bits: 4,
                block: 9,
            },
        ),
        codebook(
            class,
            &CodebookShape {
                size: [9, 12],
                slots: 7,
                index_bits: 8,
                block: 4,
            },
            256,
        ),
        mel(class, 1024, 512, [1, 5]),
        conv(class, &spline),
        conv(
            class,
            &ConvShape {
                basis: Basis { grid: 20, ..basis },
                ..spline
            },
        ),
        conv(class, &plain),
        conv(by_tiles(class, &spline), &spline),
        conv(by_tiles(class, &plain), &plain),
        sparse_conv(class, &spline),
        norm(
            class,
            &NormShape {
                n: 3,
                c: 6,
                groups: 3,
                positions: 65,
            },
        ),
        element(class, 257),
        band_affine(class, [3, 1, 7, 65]),
        pool(class, &pooling),
        statistics(
            class,
            &StatisticsShape {
                n: 3,
                rows: 7,
                frames: 65,
            },
        ),
        // Joined kernels, which plans for GPUs alone have, run anywhere.
        conv(AdapterClass::Hardware, &plain),
        norm_between(AdapterClass::Hardware, [2, 6, 5, 13], 1, 3),
        statistics_between(AdapterClass::Hardware, [2, 6, 3, 9], true, 4),
        activation_last(AdapterClass::Hardware, ActivationKind::Silu, [2, 6, 3, 9]),
        gather(class, 16, 33, &augment),
        episode(class, &shots),
        distances(class, Distance::Cosine, [2, 129, 64]),
        optimizer(class, 1000, 10.0),
        sparse(class, [5, 8, 12]),
        weighted(class, 257),
        standardised_rows(class, 25, 65),
        rows(class, 3, [65, 7]),
        teacher(class, 5, 65),
        ceiling(class, 33),
    ]
}
