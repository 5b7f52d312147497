//! Planted faults: every comparison of a kernel with its twin turns red when something is wrong.

use gamaka::internals::selftest::{self, Case, Expected, compare, doctor_cases};
use gamaka::ops::{self, NormShape};

use crate::gpu;

fn is_red(case: &Case) -> bool {
    !selftest::run(gpu(), case)
        .expect("the device works")
        .worst
        .holds()
}

#[test]
fn a_kernel_that_does_not_run_is_found() {
    for case in doctor_cases(gpu().class()) {
        for step in 0..case.plan.steps.len() {
            let mut faulty = case.clone();
            let dropped = faulty.plan.steps.remove(step);
            assert!(
                is_red(&faulty),
                "{}: without {} it still passes",
                case.label,
                dropped.kernel
            );
        }
    }
}

#[test]
fn a_wrong_input_is_found() {
    for case in doctor_cases(gpu().class()) {
        for input in 0..case.inputs.len() {
            if case.inputs[input].1.iter().all(|&word| word == 0) {
                continue;
            }
            // Only every other word, because clipping forgives a factor on all; each half, because the words
            // of a state are not all read.
            let found = [0, 1].into_iter().any(|first| {
                let mut faulty = case.clone();
                let words = faulty.inputs[input].1.iter_mut().skip(first).step_by(2);
                for word in words.filter(|w| **w != 0) {
                    let value = f32::from_bits(*word);
                    // Half as much again for a number, one more for an index.
                    *word = if (1e-3..1e3).contains(&value.abs()) {
                        (value * 1.5).to_bits()
                    } else {
                        *word + 1
                    };
                }
                is_red(&faulty)
            });
            assert!(found, "{}: input {input} may be wrong", case.label);
        }
    }
}

#[test]
fn a_wrong_constant_of_a_kernel_is_found() {
    for (kernel, constant, factor) in [
        ("window_fft_power", "HOP", 0.5),
        ("log_compress", "SCALE", 1.01),
        ("kan_conv_forward", "RANGE", 1.01),
        ("conv_grad_input", "RANGE", 1.01),
        ("kan_conv_grad_weight", "RANGE", 1.01),
        ("kan_conv_forward", "CENTRE", 1.1),
        ("kan_conv_forward_local", "CENTRE", 1.1),
        ("kan_conv_forward_sparse", "CENTRE", 1.1),
        ("conv_grad_input", "CENTRE", 1.1),
        ("kan_conv_grad_weight", "CENTRE", 1.1),
        ("kan_conv_forward_tiled", "RANGE", 1.01),
        ("conv_grad_input_tiled", "RANGE", 1.01),
        ("kan_conv_grad_weight_tiled", "CENTRE", 1.1),
        ("conv_forward_tiled", "PAD_W", 2.0),
        ("conv_grad_input_tiled", "PAD_H", 2.0),
        ("conv_grad_weight_tiled", "STRIDE_W", 0.5),
        ("curvature_penalty", "WEIGHT", 1.01),
        ("shrink_edges", "WEIGHT", 1.01),
        ("group_norm_forward", "EPSILON", 1e4),
        ("noise_forward", "DEVIATION", 1.01),
        ("dropout_forward", "RATE", 1.5),
        ("clip_gather", "GAIN_DB", 1.01),
        ("episode_loss", "SCALE", 1.01),
        ("step_guard", "CLIP", 1.01),
        ("adamw_step", "BETA1", 0.99),
    ] {
        let mut planted = 0;
        for mut case in doctor_cases(gpu().class()) {
            // Only where it matters: plain convolutions have no range.
            let basis = ["RANGE", "CENTRE"].contains(&constant);
            let plain = case
                .plan
                .steps
                .iter()
                .any(|s| s.overrides.contains(&("ORDER".to_string(), 0.0)));
            let Some(step) = case
                .plan
                .steps
                .iter_mut()
                .find(|s| s.kernel == kernel && !(plain && basis))
            else {
                continue;
            };
            let value = step
                .overrides
                .iter_mut()
                .find(|(name, _)| name == constant)
                .expect("the kernel has it");
            value.1 *= factor;
            planted += 1;
            assert!(is_red(&case), "{kernel} with a wrong {constant} passes");
        }
        assert!(planted > 0, "no case runs {kernel}");
    }
}

#[test]
fn a_comparison_fails_on_nan_and_on_a_single_bad_element_and_shows_it() {
    let tensor = doctor_cases(gpu().class())[0].inputs[0].0;
    let expected = Expected {
        tensor,
        values: vec![1.0, -2.0, 3.0],
        tolerance: 1e-5,
        rounding: 0.0,
    };
    assert!(compare(&[1.0, -2.0, 3.0], &expected).holds());
    let worst = compare(&[1.0, -2.001, 3.0], &expected);
    assert!(!worst.holds() && worst.index == 1 && worst.want == -2.0);
    assert!(!compare(&[1.0, f32::NAN, 3.0], &expected).holds());
    let zeros = Expected {
        tensor,
        values: vec![0.0; 3],
        tolerance: 1e-5,
        rounding: 0.0,
    };
    assert!(!compare(&[0.0, 1e-20, 0.0], &zeros).holds());
}

/// A group of one element: its slope is subtracted from itself, and how its product was rounded is left.
#[test]
fn what_cancels_may_leave_its_rounding_and_no_more() {
    let shape = NormShape {
        n: 1,
        c: 1,
        groups: 1,
        positions: 1,
    };
    let case = selftest::norm(gpu().class(), &shape);
    let cancels: Vec<_> = case.expected.iter().filter(|e| e.values == [0.0]).collect();
    let [grad_x] = cancels[..] else {
        panic!("the gradient of the input alone is 0")
    };
    // An H100 left so much.
    assert!(compare(&[4.85e-6], grad_x).holds());
    assert!(!compare(&[1e-2], grad_x).holds());
    // As much as a slope that is not subtracted leaves is thousands of times what is allowed.
    let slope = 0.1 / ops::NORM_EPSILON.sqrt();
    assert!(slope > 1e4 * grad_x.rounding, "{grad_x:?}");
}
