use super::*;
use crate::random::Stream;
use nalgebra::DVector;

const PROBE: Head = Head::LinearProbe { strength: 0.3 };
const HEADS: [Head; 5] = [
    Head::Prototype(Metric::EUCLIDEAN),
    Head::Prototype(Metric::COSINE),
    PROBE,
    Head::LINEAR_PROBE,
    Head::GRADIENT,
];

/// `shots[class]` embeddings of each class.
fn supports(shots: &[usize], dimensions: usize) -> Vec<Vec<Vec<f32>>> {
    let mut stream = Stream::new(1, "supports", 0);
    let mut embedding = |class: usize| {
        (0..dimensions)
            .map(|j| stream.normal() as f32 + if j == class { 2.0 } else { 0.5 })
            .collect()
    };
    shots
        .iter()
        .enumerate()
        .map(|(class, &shots)| (0..shots).map(|_| embedding(class)).collect())
        .collect()
}

fn fit(head: Head, supports: &[Vec<Vec<f32>>]) -> Fitted {
    let borrowed: Vec<Vec<&[f32]>> = supports
        .iter()
        .map(|class| class.iter().map(Vec::as_slice).collect())
        .collect();
    head.fit(&borrowed)
}

fn linear(head: Head, supports: &[Vec<Vec<f32>>]) -> Linear {
    match fit(head, supports).0 {
        Kind::Linear(linear) => linear,
        Kind::Prototypes { .. } | Kind::OfNormal(_) => panic!("a linear probe"),
    }
}

fn distances(fitted: &Fitted, query: &[f32], classes: usize) -> Vec<f32> {
    (0..classes)
        .map(|class| fitted.distance(query, class))
        .collect()
}

#[test]
fn prototypes_are_as_far_as_their_metric_says() {
    let supports = supports(&[2, 3], 5);
    let query = [0.3, -1.0, 2.0, 0.0, 1.0];
    for metric in [Metric::EUCLIDEAN, Metric::COSINE] {
        let fitted = fit(Head::Prototype(metric), &supports);
        for (class, supports) in supports.iter().enumerate() {
            let prototype = prototype(supports.iter().map(Vec::as_slice));
            assert_eq!(
                fitted.distance(&query, class),
                metric.distance(&query, &prototype)
            );
        }
    }
}

#[test]
fn the_linear_probe_solves_the_primal_ridge_problem() {
    // More supports than dimensions, and fewer; classes of unequal size.
    for (shots, dimensions) in [([4, 2, 3], 5), ([1, 2, 1], 7)] {
        let supports = supports(&shots, dimensions);
        let flat: Vec<(usize, &Vec<f32>)> = supports
            .iter()
            .enumerate()
            .flat_map(|(class, supports)| supports.iter().map(move |s| (class, s)))
            .collect();
        let count = flat.len() as f64;
        let mean: Vec<f64> = (0..dimensions)
            .map(|j| flat.iter().map(|(_, s)| f64::from(s[j])).sum::<f64>() / count)
            .collect();
        // The mean of the Gram matrix's diagonal is that of the squared distances to the mean.
        let squares = flat.iter().flat_map(|(_, s)| s.iter().zip(&mean));
        let ridge = 0.3
            * squares
                .map(|(&x, m)| (f64::from(x) - m).powi(2))
                .sum::<f64>()
            / count;
        // Normal equations of sum (w . x + b - y)^2 + ridge |w|^2 with the bias last and free.
        let wide = DMatrix::from_fn(flat.len(), dimensions + 1, |i, j| {
            flat[i].1.get(j).map_or(1.0, |&x| f64::from(x))
        });
        let mut normal = wide.transpose() * &wide;
        (0..dimensions).for_each(|j| normal[(j, j)] += ridge);
        let found = linear(PROBE, &supports);
        for class in 0..3 {
            let targets = DVector::from_iterator(
                flat.len(),
                flat.iter()
                    .map(|&(of, _)| if of == class { 1.0 } else { 0.0 }),
            );
            let wanted = normal
                .clone()
                .lu()
                .solve(&(wide.transpose() * targets))
                .unwrap();
            for j in 0..dimensions {
                assert!((found.weights[(j, class)] - wanted[j]).abs() < 1e-10);
            }
            assert!((found.bias[class] - wanted[dimensions]).abs() < 1e-10);
        }
    }
}

#[test]
fn linear_heads_do_not_depend_on_scale_or_origin() {
    let plain = supports(&[3, 2, 4], 6);
    let query = vec![0.5, 1.0, -0.5, 0.0, 2.0, 1.0];
    let moved = |v: &Vec<f32>| v.iter().map(|x| 64.0 * x + 128.0).collect::<Vec<f32>>();
    let other: Vec<Vec<Vec<f32>>> = plain
        .iter()
        .map(|class| class.iter().map(moved).collect())
        .collect();
    for head in [PROBE, Head::GRADIENT] {
        let a = distances(&fit(head, &plain), &query, 3);
        let b = distances(&fit(head, &other), &moved(&query), 3);
        for (a, b) in a.iter().zip(&b) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
}

/// Weights times features, and the bias, which comes last.
fn logit(parameters: &[f64], features: &[f64]) -> f64 {
    let products = features.iter().zip(parameters).map(|(x, w)| x * w);
    products.sum::<f64>() + parameters[features.len()]
}

/// Mean cross-entropy of the supports under `parameters[class]`.
fn loss(parameters: &[Vec<f64>], supports: &[Vec<Vec<f64>>]) -> f64 {
    let mut sum = 0.0;
    for (class, supports) in supports.iter().enumerate() {
        for support in supports {
            let all: f64 = parameters.iter().map(|p| logit(p, support).exp()).sum();
            sum += all.ln() - logit(&parameters[class], support);
        }
    }
    sum / supports.iter().flatten().count() as f64
}

#[test]
fn the_gradient_head_goes_down_the_numerical_gradient_of_its_loss() {
    let (dimensions, rate) = (4, 0.125);
    let supports = supports(&[2, 1, 3], dimensions);
    // Normalised, then centred and scaled by the supports.
    let all: Vec<Vec<f32>> = supports.iter().flatten().map(|s| normalise(s)).collect();
    let count = all.len() as f64;
    let mean: Vec<f64> = (0..dimensions)
        .map(|j| all.iter().map(|s| f64::from(s[j])).sum::<f64>() / count)
        .collect();
    let square = |s: &Vec<f32>| -> f64 {
        let deviations = s
            .iter()
            .zip(&mean)
            .map(|(&x, m)| (f64::from(x) - m).powi(2));
        deviations.sum()
    };
    let variance = all.iter().map(square).sum::<f64>() / (count * dimensions as f64);
    let see = |s: &[f32]| -> Vec<f64> {
        let centred = normalise(s).into_iter().zip(&mean);
        let centred = centred.map(|(x, m)| f64::from(x) - m);
        centred.map(|x| x / variance.sqrt()).collect()
    };
    let seen: Vec<Vec<Vec<f64>>> = supports
        .iter()
        .map(|class| class.iter().map(|s| see(s)).collect())
        .collect();
    let query = [0.3, 2.0, -1.0, 0.5];
    let mut parameters = vec![vec![0.0; dimensions + 1]; 3];
    for steps in 0..4 {
        let fitted = fit(Head::Gradient { steps, rate }, &supports);
        for (class, parameters) in parameters.iter().enumerate() {
            let wanted = -logit(parameters, &see(&query));
            let found = f64::from(fitted.distance(&query, class));
            assert!(
                (found - wanted).abs() < 1e-6,
                "step {steps}: {found} {wanted}"
            );
        }
        let gradient = |class: usize, j: usize| {
            let at = |offset: f64| {
                let mut moved = parameters.clone();
                moved[class][j] += offset;
                loss(&moved, &seen)
            };
            (at(1e-5) - at(-1e-5)) / 2e-5
        };
        parameters = (0..3)
            .map(|class| {
                (0..=dimensions)
                    .map(|j| parameters[class][j] - f64::from(rate) * gradient(class, j))
                    .collect()
            })
            .collect();
    }
}

#[test]
fn a_permutation_of_the_classes_permutes_the_answers() {
    let plain = supports(&[3, 1, 2, 2], 6);
    let order = [2, 0, 3, 1];
    let permuted: Vec<_> = order.iter().map(|&class| plain[class].clone()).collect();
    let query = [0.5, 1.0, -0.5, 0.0, 2.0, 1.0];
    for head in HEADS {
        let a = distances(&fit(head, &plain), &query, 4);
        let b = distances(&fit(head, &permuted), &query, 4);
        for (slot, &class) in order.iter().enumerate() {
            assert!((a[class] - b[slot]).abs() < 1e-6, "{head:?}: {a:?} {b:?}");
        }
    }
}

#[test]
fn supports_of_clear_classes_are_classified_right() {
    let supports = supports(&[5; 4], 8);
    let clear: Vec<Vec<Vec<f32>>> = supports
        .iter()
        .enumerate()
        .map(|(class, supports)| {
            let push = |s: &Vec<f32>| {
                let mut s = s.clone();
                s[class] += 8.0;
                s
            };
            supports.iter().map(push).collect()
        })
        .collect();
    for head in HEADS {
        let fitted = fit(head, &clear);
        for (class, supports) in clear.iter().enumerate() {
            for support in supports {
                let found = distances(&fitted, support, 4);
                let nearest = (0..4).min_by(|&a, &b| found[a].total_cmp(&found[b]));
                assert_eq!(nearest, Some(class), "{head:?}");
            }
        }
    }
}

#[test]
fn equal_zero_and_huge_supports_tie_and_do_not_panic() {
    for head in HEADS {
        for value in [0.0, 0.1, -3e9, 1e18] {
            for shot in [1, 5] {
                let equal = vec![vec![vec![value; 3]; shot]; 4];
                let found = distances(&fit(head, &equal), &[value; 3], 4);
                assert!(
                    found.iter().all(|&d| d == found[0] && d.is_finite()),
                    "{head:?} {value} {shot}: {found:?}"
                );
            }
        }
    }
}

#[test]
fn one_support_a_class_or_nothing_at_all_can_be_fitted() {
    for head in HEADS {
        let found = distances(&fit(head, &supports(&[1, 1], 3)), &[2.0, 0.5, 0.5], 2);
        assert!(found.iter().all(|d| d.is_finite()), "{head:?}: {found:?}");
        let lonely = distances(&fit(head, &supports(&[1], 1)), &[1.0], 1);
        assert!(lonely[0].is_finite(), "{head:?}: {lonely:?}");
        fit(head, &[]);
        fit(head, &[vec![], vec![]]);
    }
}

#[test]
fn simple_shot_centres_and_normalises() {
    let embeddings = [vec![4.0, 6.0], vec![], vec![1.0, 2.0], vec![1.0, -3e18]];
    let found = simple_shot(&embeddings, &[1.0, 2.0]);
    assert_eq!(
        found,
        [vec![0.6, 0.8], vec![], vec![0.0, 0.0], vec![0.0, -1.0]]
    );
}

#[test]
fn standardised_embeddings_do_not_hang_on_the_scale_of_a_dimension() {
    let embeddings = [vec![3.0, 50.0], vec![], vec![1.0, 2.0]];
    let found = standardised(&embeddings, &[1.0, 2.0], &[2.0, 16.0]);
    assert_eq!(found, [vec![1.0, 3.0], vec![], vec![0.0, 0.0]]);
    let wider = [vec![3.0, 500.0]];
    let same = standardised(&wider, &[1.0, 20.0], &[2.0, 160.0]);
    assert_eq!(same[0], found[0]);
}

#[test]
fn heads_can_be_stored() {
    for head in HEADS {
        let text = serde_json::to_string(&head).unwrap();
        assert_eq!(serde_json::from_str::<Head>(&text).unwrap(), head);
    }
}
