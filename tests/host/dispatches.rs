//! How many dispatches a training step of the reference networks has on a GPU, where each waits for those before, and what memory
//! that costs.

use gamaka::gpu::{AdapterClass, Plan};
use gamaka::internals::bench::{reference_networks, reference_step};
use gamaka::internals::train::{StepShape, TrainingPlan};
use gamaka::model::{Network, Spec};

fn step(class: AdapterClass, network: &Network) -> Plan {
    let shape = StepShape {
        banks: &[64_000],
        ..reference_step(network)
    };
    TrainingPlan::new(class, &shape).plan
}

#[test]
fn a_step_of_the_reference_has_these_dispatches_on_a_gpu() {
    let [ickan, ..] = reference_networks(1);
    let plan = step(AdapterClass::Hardware, &ickan);
    let mut counts: Vec<(String, usize)> = plan.dispatches().into_iter().collect();
    // Which of its variants a convolution takes is for the menu to say.
    let passes = ["forward", "grad_input", "grad_weight"].map(|pass| {
        let of = |name: &str| name.contains("conv_") && name.contains(pass);
        let count = counts.iter().filter(|(name, _)| of(name)).map(|(_, n)| n);
        let count = count.sum::<usize>();
        counts.retain(|(name, _)| !of(name));
        count
    });
    assert_eq!(passes, [4; 3], "a convolution's pass is one dispatch");
    let splits: usize = counts
        .extract_if(.., |(name, _)| name.starts_with("group_norm_forward"))
        .map(|(_, n)| n)
        .sum();
    assert_eq!(splits, 4, "a norm adds up the splits before it");
    counts.retain(|(name, _)| !name.starts_with("statistics_pool_forward"));
    let wanted = [
        ("adamw_step", 1),
        ("change_basis", 1),
        ("clip_gather", 1),
        ("distance_forward", 1),
        ("distance_grad", 1),
        ("episode_loss", 1),
        ("grad_norm", 1),
        ("group_norm_grad", 3),
        ("group_norm_grad_weight", 1),
        ("guard_and_record", 1),
        ("prototype_forward", 1),
        ("statistics_pool_grad_last", 1),
        ("sum_gradients", 1),
    ];
    assert_eq!(counts, wanted.map(|(name, n)| (name.to_string(), n)));
    assert_eq!(plan.steps.len(), 32);
}

#[test]
fn a_step_of_a_plain_network_needs_no_sum_of_its_own_either() {
    for factor in [1, 4] {
        let [ickan, same, _] = reference_networks(factor);
        for network in [ickan, same] {
            let counts = step(AdapterClass::Hardware, &network).dispatches();
            for kernel in ["reduce_partials", "channel_sum", "group_norm_grad_input"] {
                let count = counts.get(kernel).copied().unwrap_or(0);
                // An activation does not add up splits.
                let most = if kernel == "reduce_partials" && network.spec.name != "ickan" {
                    4
                } else {
                    0
                };
                assert!(count <= most, "{}: {count} {kernel}", network.spec.name);
            }
        }
    }
}

#[test]
fn splines_need_no_more_memory_than_plain_weights_by_more_than_a_fifth() {
    for class in AdapterClass::ALL {
        for factor in [1, 4] {
            let [ickan, same, _] = reference_networks(factor);
            let [splines, plain] = [ickan, same].map(|network| step(class, &network).bytes());
            let ratio = splines as f64 / plain as f64;
            assert!(ratio <= 1.2, "{class:?}, {factor} x: {ratio}");
            println!("{class:?}, {factor} x: {splines} of {plain} bytes, {ratio:.2}");
        }
    }
}

#[test]
fn partial_sums_that_wait_are_added_before_they_leave_a_binding() {
    let layer = "[[layers]]\ntype = \"group_norm\"\n\
                 [[layers]]\ntype = \"kan_conv\"\nchannels = 256\nkernel = 3\nstride = 2\npadding = 1\n";
    let text = format!("name = \"wide\"\n{}", layer.repeat(5));
    let network = Network::new(Spec::from_toml(&text).unwrap(), [32, 32]).unwrap();
    let plan = step(AdapterClass::Hardware, &network);
    let count = plan.dispatches()["sum_gradients"];
    assert!(count > 1, "{count}");
    plan.validate().unwrap();
}
