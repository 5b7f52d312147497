//! Every variant of the menu against the twins, at odd shapes.

use std::collections::BTreeMap;

use gamaka::gpu::{AdapterClass, Tuning};
use gamaka::internals::selftest;
use gamaka::ops::{Basis, ConvShape, Pass, Variant, candidates, operation};

use crate::gpu;

const PASSES: [Pass; 3] = [Pass::Forward, Pass::GradInput, Pass::GradWeight];

fn basis(order: usize, grid: usize) -> Basis {
    Basis {
        order,
        grid,
        range: 2.5,
        centre: 0.2,
    }
}

/// All variants of a class at a shape, a case for the first of every pass, one for the second, and so on; those that `wanted`
/// wants.
fn hold(class: AdapterClass, shape: &ConvShape, wanted: impl Fn(&Variant) -> bool) {
    let menu = PASSES.map(|pass| {
        let all = candidates(pass, shape, class).into_iter();
        (
            operation(pass, shape),
            all.filter(|v| wanted(v)).collect::<Vec<_>>(),
        )
    });
    let most = menu.iter().map(|(_, all)| all.len()).max().unwrap_or(0);
    assert!(most > 0, "{shape:?}");
    for k in 0..most {
        // A pass of fewer goes on with its last.
        let choices: BTreeMap<_, _> = menu
            .iter()
            .filter_map(|(operation, all)| {
                let variant = all.get(k).or(all.last())?;
                Some((operation.clone(), variant.to_string()))
            })
            .collect();
        let case = selftest::conv(Tuning::new(class, choices.clone()), shape);
        for (operation, id) in &choices {
            assert_eq!(case.plan.choices.get(operation), Some(id));
        }
        let outcome = selftest::run(gpu(), &case).expect("the device works");
        assert!(outcome.worst.holds(), "{}: {:?}", case.label, outcome.worst);
    }
}

const SHAPE: ConvShape = ConvShape {
    n: 3,
    ci: 5,
    input: [11, 13],
    co: 10,
    kernel: [3, 3],
    stride: [2, 2],
    padding: [1, 1],
    basis: Basis::IDENTITY,
};

/// Channels that no tile divides, one channel, outputs that no tile divides, strides of 1 to 3, kernels of 1 to 5 by 1 to 3,
/// padding of 0 to 2, images smaller than a tile and larger.
const SHAPES: [ConvShape; 7] = [
    SHAPE,
    ConvShape {
        n: 1,
        ci: 1,
        input: [7, 35],
        co: 3,
        kernel: [5, 3],
        stride: [1, 1],
        padding: [2, 0],
        ..SHAPE
    },
    ConvShape {
        ci: 6,
        input: [9, 8],
        co: 37,
        stride: [3, 3],
        ..SHAPE
    },
    ConvShape {
        ci: 7,
        input: [4, 5],
        co: 9,
        kernel: [1, 1],
        stride: [1, 2],
        padding: [0, 0],
        ..SHAPE
    },
    ConvShape {
        n: 1,
        ci: 17,
        input: [3, 2],
        co: 1,
        padding: [1, 2],
        stride: [1, 1],
        ..SHAPE
    },
    ConvShape {
        ci: 2,
        input: [1, 1],
        co: 5,
        kernel: [1, 1],
        stride: [2, 2],
        padding: [0, 0],
        ..SHAPE
    },
    ConvShape {
        n: 2,
        ci: 3,
        input: [5, 70],
        co: 130,
        kernel: [1, 3],
        stride: [1, 1],
        padding: [0, 1],
        ..SHAPE
    },
];

fn tiled(variant: &Variant) -> bool {
    matches!(variant, Variant::Tiled(_))
}

#[test]
fn tiles_in_workgroup_memory_match_at_odd_shapes() {
    for shape in SHAPES {
        for basis in [Basis::IDENTITY, basis(3, 4)] {
            hold(AdapterClass::Hardware, &ConvShape { basis, ..shape }, tiled);
        }
    }
}

#[test]
fn tiles_in_workgroup_memory_match_for_splines_of_any_order_and_number_of_slots() {
    for basis in [
        basis(1, 1),
        basis(2, 3),
        basis(1, 6),
        basis(3, 9),
        basis(3, 12),
    ] {
        hold(AdapterClass::Hardware, &ConvShape { basis, ..SHAPE }, tiled);
    }
}

#[test]
fn register_variants_of_either_class_match() {
    for class in AdapterClass::ALL {
        for basis in [Basis::IDENTITY, basis(3, 4), basis(2, 20)] {
            hold(class, &ConvShape { basis, ..SHAPE }, |v| !tiled(v));
        }
    }
}
