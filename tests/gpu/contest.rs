//! The contest of variants: what is wrong, fails or loses the device is not taken, and the others go on.

use std::sync::atomic::AtomicBool;

use gamaka::gpu::{DeviceChoice, Gpu, GpuError};
use gamaka::internals::tuning::{Contender, Contest, TuningError, Verdict, contenders, contest};
use gamaka::ops::{Basis, ConvShape, Pass, operation};

use crate::gpu;

fn shape(order: usize) -> ConvShape {
    let spline = Basis {
        order,
        grid: 4,
        range: 2.5,
        centre: 0.0,
    };
    ConvShape {
        n: 2,
        ci: 20,
        input: [17, 30],
        co: 8,
        kernel: [3; 2],
        stride: [2; 2],
        padding: [1; 2],
        basis: if order == 0 { Basis::IDENTITY } else { spline },
    }
}

fn fresh() -> Result<Gpu, GpuError> {
    Gpu::open(&DeviceChoice::Name(gpu().adapter.name.clone()))
}

fn held(pass: Pass, shape: &ConvShape, all: &[Contender], on: &mut dyn FnMut(&str)) -> Contest {
    let never = AtomicBool::new(false);
    let mut open = || Ok(gpu().clone());
    contest(&operation(pass, shape), all, &mut open, &never, on).unwrap()
}

#[test]
fn every_variant_of_every_pass_gives_the_usual_results_and_one_is_taken() {
    for order in [0, 3] {
        for pass in [Pass::Forward, Pass::GradInput, Pass::GradWeight] {
            let shape = shape(order);
            let all = contenders(gpu(), pass, &shape);
            assert!(all.len() > 1);
            let found = held(pass, &shape, &all, &mut |_| {});
            for outcome in &found.outcomes {
                let fair = [Verdict::Usual, Verdict::Better, Verdict::NotBetter];
                assert!(fair.contains(&outcome.verdict), "{outcome:?}");
            }
            assert_eq!(found.outcomes[0].verdict, Verdict::Usual);
            let taken = &found.of(&found.chosen).unwrap().verdict;
            assert!([Verdict::Usual, Verdict::Better].contains(taken));
            assert!(found.ms().unwrap()[0] > 0.0);
        }
    }
}

#[test]
fn a_quick_variant_with_wrong_results_is_told_and_never_taken() {
    for order in [0, 3] {
        for pass in [Pass::Forward, Pass::GradInput] {
            let shape = shape(order);
            let all = contenders(gpu(), pass, &shape);
            // With one channel alone it has a third of the work.
            let mut wrong = all[0].clone();
            wrong.id = "wrong".into();
            let constants = &mut wrong.plan.steps[0].overrides;
            let narrow = if pass == Pass::Forward { "CI" } else { "CO" };
            let narrow = constants.iter_mut().find(|(name, _)| name == narrow);
            narrow.unwrap().1 = 1.0;
            if pass == Pass::GradInput {
                let padded = constants.iter_mut().find(|(name, _)| name == "CO_PAD");
                padded.unwrap().1 = 4.0;
            }
            let found = held(pass, &shape, &[all[0].clone(), wrong], &mut |_| {});
            let verdict = &found.of("wrong").unwrap().verdict;
            assert!(
                matches!(verdict, Verdict::Wrong(share) if *share > 1.0),
                "{verdict:?}"
            );
            assert_eq!(found.chosen, all[0].id);
        }
    }
}

#[test]
fn a_variant_that_loses_the_device_fails_and_the_others_go_on() {
    let (pass, shape) = (Pass::Forward, shape(3));
    let all = contenders(gpu(), pass, &shape);
    let lossy = all[1].id.clone();
    let now = std::cell::RefCell::new(None::<Gpu>);
    let mut opened = 0;
    let mut open = || {
        let gpu = fresh()?;
        *now.borrow_mut() = Some(gpu.clone());
        opened += 1;
        Ok(gpu)
    };
    let mut on = |id: &str| {
        if id == lossy {
            now.borrow().as_ref().unwrap().destroy();
        }
    };
    let never = AtomicBool::new(false);
    let operation = operation(pass, &shape);
    let found = contest(&operation, &all, &mut open, &never, &mut on).unwrap();
    assert_eq!(opened, 2);
    let verdict = &found.of(&lossy).unwrap().verdict;
    assert!(
        matches!(verdict, Verdict::Failed(reason) if reason.contains("lost")),
        "{verdict:?}"
    );
    assert_ne!(found.chosen, lossy);
    let others = found.outcomes.iter().filter(|outcome| outcome.id != lossy);
    for outcome in others {
        assert!(
            !matches!(outcome.verdict, Verdict::Failed(_)),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_variant_over_the_limits_fails_and_the_others_go_on() {
    let (pass, shape) = (Pass::Forward, shape(3));
    let all = contenders(gpu(), pass, &shape);
    let mut large = all[1].clone();
    large.id = "large".into();
    large.plan.steps[0].workgroups = [70_000, 1, 1];
    let found = held(
        pass,
        &shape,
        &[all[0].clone(), large, all[1].clone()],
        &mut |_| {},
    );
    let verdict = &found.of("large").unwrap().verdict;
    assert!(
        matches!(verdict, Verdict::Failed(reason) if reason.contains("65535")),
        "{verdict:?}"
    );
    assert_ne!(
        found.of(&all[1].id).unwrap().verdict,
        Verdict::Failed(String::new())
    );
}

#[test]
fn a_stopped_contest_is_none() {
    let (pass, shape) = (Pass::GradWeight, shape(3));
    let all = contenders(gpu(), pass, &shape);
    let stop = AtomicBool::new(false);
    let mut heard = 0;
    let mut on = |_: &str| {
        heard += 1;
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    let operation = operation(pass, &shape);
    let stopped = contest(&operation, &all, &mut || Ok(gpu().clone()), &stop, &mut on);
    assert!(matches!(stopped, Err(TuningError::Stopped)));
    assert_eq!(heard, 1);
}
