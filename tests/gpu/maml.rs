//! MAML, ANIL and Reptile: a plan's meta-gradient and an adapted network's answers against a whole episode
//! in f64, whose gradients by the body are finite differences; and short trainings.

use gamaka::gpu::{BufferRole, Plan, Program};
use gamaka::internals::adapt::TaskAdapter;
use gamaka::internals::data::Task;
use gamaka::internals::reference;
use gamaka::internals::selftest::{Expected, Worst, compare};
use gamaka::internals::settings::{Learner, Method};
use gamaka::internals::train::{Shaping, StepShape, TrainingPlan};
use gamaka::model::{Network, Spec};
use gamaka::ops::{
    AdamW, Augment, Basis, ConvShape, Distance, EpisodeShape, NormShape, OptimizerState, Slot,
    StepInfo,
};

use crate::gpu;

const WAY: usize = 3;
const SHOT: usize = 2;
const QUERY: usize = 3;
const BANDS: usize = 5;
const FRAMES: usize = 7;
const CLIP: usize = BANDS * FRAMES;

const METHODS: [Method; 3] = [Method::Maml, Method::Anil, Method::Reptile];

/// A width that is no multiple of 4, clips that are no multiple of 64, and noise: nothing fits by chance.
const SPEC: &str = r#"
name = "tiny"
[[layers]]
type = "noise"
deviation = 0.1
[[layers]]
type = "kan_conv"
channels = 3
kernel = [2, 3]
stride = 2
grid = 3
order = 2
[[layers]]
type = "statistics_pool"
over = "all"
[[layers]]
type = "kan_linear"
channels = 5
grid = 3
"#;

fn network(spec: &str) -> Network {
    Network::new(Spec::from_toml(spec).unwrap(), [BANDS, FRAMES]).unwrap()
}

/// Rates at which a few steps change the answers a lot.
fn learner(method: Method) -> Learner {
    Learner {
        method,
        steps: 3,
        body_rate: 0.1,
        head_rate: 0.5,
    }
}

fn normals(count: usize, stream: u32) -> Vec<f32> {
    (0..count)
        .map(|k| reference::normal([1, 2, stream, k as u32]) as f32)
        .collect()
}

fn exact(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

/// Initial parameters with biases that are not zero; padding stays.
fn rough_parameters(network: &Network) -> Vec<f32> {
    let mut named = network.named_parameters(&network.initial_parameters(3));
    for (stream, tensor) in (70..).zip(&mut named) {
        let noise = normals(tensor.values.len(), stream);
        for (value, noise) in tensor.values.iter_mut().zip(noise) {
            *value += 0.3 * noise;
        }
    }
    network.flat_parameters(&named).unwrap()
}

/// Body and head in f64.
#[derive(Clone)]
struct Point {
    body: Vec<f64>,
    /// What the head centres and scales embeddings by: those of the first inner step.
    statistics: Option<Vec<f64>>,
    weight: Vec<f64>,
    bias: Vec<f64>,
}

/// A whole episode in f64.
struct Twin<'a> {
    network: &'a Network,
    learner: Learner,
    /// (seed, step) while training.
    stream: Option<[u32; 2]>,
}

impl Twin<'_> {
    /// Before the first inner step: the head is one vector that all classes share.
    fn start(&self, parameters: &[f32], shared: f64) -> Point {
        let width = self.network.width();
        let weight = (0..width * WAY.next_multiple_of(4))
            .map(|k| {
                if k % 4 < WAY {
                    shared * (k / 4) as f64
                } else {
                    0.0
                }
            })
            .collect();
        Point {
            body: exact(parameters),
            statistics: None,
            weight,
            bias: vec![0.0; WAY],
        }
    }

    fn head(&self, n: usize) -> ConvShape {
        ConvShape {
            n,
            ci: self.network.width(),
            input: [1, 1],
            co: WAY,
            kernel: [1, 1],
            stride: [1, 1],
            padding: [0, 0],
            basis: Basis::IDENTITY,
        }
    }

    fn embed(&self, body: &[f64], clips: &[f64]) -> Vec<f64> {
        let n = clips.len() / CLIP;
        let embeddings = self.network.reference(n, clips, body, self.stream);
        // Heads get embeddings of mean 0 and deviation 1.
        let width = self.network.width();
        let shape = NormShape {
            n,
            c: width,
            groups: 1,
            positions: 1,
        };
        let affine: Vec<f64> = (0..2 * width)
            .map(|k| f64::from(u8::from(k < width)))
            .collect();
        reference::group_norm_forward(&shape, &embeddings, &affine)
    }

    /// Embeddings of a body near another one, whose mean stays where it was: for gradients the centre moves along.
    fn embed_near(&self, body: &[f64], near: &[f64], clips: &[f64]) -> Vec<f64> {
        let width = self.network.width();
        let mut moved = self.embed(body, clips);
        let mean = |x: &[f64]| reference::row_statistics(false, width, x);
        let (from, to) = (mean(&self.embed(near, clips)), mean(&moved));
        for (k, value) in moved.iter_mut().enumerate() {
            *value -= to[k % width] - from[k % width];
        }
        moved
    }

    /// Distances of embeddings by a point's head.
    fn answer(&self, at: &Point, embedding: &[f64]) -> Vec<f64> {
        let shape = self.head(embedding.len() / self.network.width());
        let seen = Self::seen(at, embedding);
        reference::conv_forward(&shape, &seen, &at.weight, &at.bias)
    }

    /// What a point's head makes of embeddings.
    fn seen(at: &Point, embedding: &[f64]) -> Vec<f64> {
        let statistics = at.statistics.as_ref().expect("there was an inner step");
        reference::standardise_rows(true, embedding, statistics)
    }

    /// The point with statistics, those of these embeddings if it has none.
    fn placed(&self, at: &Point, embedding: &[f64]) -> Point {
        let of_these = || reference::row_statistics(true, self.network.width(), embedding);
        Point {
            statistics: Some(at.statistics.clone().unwrap_or_else(of_these)),
            ..at.clone()
        }
    }

    /// Mean loss of distances, and its gradient by them.
    fn loss(&self, distances: &[f64]) -> (f64, Vec<f64>) {
        let queries = distances.len() / WAY;
        let shape = EpisodeShape {
            way: WAY,
            shot: 0,
            query: queries / WAY,
            width: 0,
            distance: Distance::Euclidean,
            scale: 1.0,
        };
        let (score, grad) = reference::episode_loss(&shape, distances);
        (score.iter().step_by(2).sum::<f64>() / queries as f64, grad)
    }

    fn loss_at(&self, at: &Point, clips: &[f64]) -> f64 {
        let distances = self.answer(at, &self.embed(&at.body, clips));
        self.loss(&distances).0
    }

    /// Central differences by every parameter; there are none by padding.
    fn by_body(&self, body: &[f64], loss: impl Fn(&[f64]) -> f64) -> Vec<f64> {
        const H: f64 = 1e-5;
        let mut grad = vec![0.0; body.len()];
        let marks: Vec<f32> = (0..body.len()).map(|k| k as f32).collect();
        let named = self.network.named_parameters(&marks);
        for place in named.iter().flat_map(|p| &p.values).map(|&k| k as usize) {
            let mut moved = body.to_vec();
            let mut along = |t: f64| {
                moved[place] = body[place] + t;
                loss(&moved)
            };
            grad[place] = (along(H) - along(-H)) / (2.0 * H);
        }
        grad
    }

    /// Gradient of the loss by a point's body.
    fn gradient(&self, at: &Point, clips: &[f64]) -> Vec<f64> {
        self.by_body(&at.body, |body| {
            let embedding = self.embed_near(body, &at.body, clips);
            self.loss(&self.answer(at, &embedding)).0
        })
    }

    /// A step of the head by gradients of the distances.
    fn head_step(&self, at: &mut Point, embedding: &[f64], grad_distance: &[f64]) {
        let shape = self.head(embedding.len() / self.network.width());
        let rate = f64::from(self.learner.head_rate);
        let seen = Self::seen(at, embedding);
        let by_weight = reference::conv_grad_weight(&shape, &seen, grad_distance);
        let by_bias = reference::reduce_partials(grad_distance, WAY);
        at.weight = reference::weighted_sum([1.0, -rate], &at.weight, &by_weight);
        at.bias = reference::weighted_sum([1.0, -rate], &at.bias, &by_bias);
    }

    /// An inner step of body and head.
    fn adapt(&self, at: &Point, clips: &[f64]) -> Point {
        let embedding = self.embed(&at.body, clips);
        let at = &self.placed(at, &embedding);
        let by_body = self.gradient(at, clips);
        let (_, grad_distance) = self.loss(&self.answer(at, &embedding));
        let rate = f64::from(self.learner.body_rate);
        let mut next = at.clone();
        next.body = reference::weighted_sum([1.0, -rate], &at.body, &by_body);
        self.head_step(&mut next, &embedding, &grad_distance);
        next
    }

    /// The meta-gradient of an episode and the loss that its history records.
    fn meta(&self, start: &Point, clips: &[f64]) -> (Vec<f64>, f64) {
        let (support, query) = clips.split_at(WAY * SHOT * CLIP);
        let steps = self.learner.steps;
        match self.learner.method {
            Method::Prototype => unreachable!("has no inner loop"),
            Method::Maml => {
                let adapted = (0..steps).fold(start.clone(), |at, _| self.adapt(&at, support));
                let loss = self.loss_at(&adapted, query);
                (self.gradient(&adapted, query), loss)
            }
            Method::Anil => {
                // One batch: the noise of a clip goes by its place.
                let width = self.network.width();
                let embed = |body: &[f64]| {
                    let mut support = self.embed_near(body, &start.body, clips);
                    let query = support.split_off(WAY * SHOT * width);
                    (support, query)
                };
                let (support, _) = embed(&start.body);
                let start = &self.placed(start, &support);
                let mut at = start.clone();
                let mut errors = Vec::new();
                for _ in 0..steps {
                    errors.push(self.loss(&self.answer(&at, &support)).1);
                    self.head_step(&mut at, &support, &errors[errors.len() - 1]);
                }
                // The errors stay; the head that they make of other embeddings changes.
                let loss = |body: &[f64]| {
                    let (support, query) = embed(body);
                    let mut at = start.clone();
                    for grad_distance in &errors {
                        self.head_step(&mut at, &support, grad_distance);
                    }
                    self.loss(&self.answer(&at, &query)).0
                };
                (self.by_body(&start.body, loss), loss(&start.body))
            }
            Method::Reptile => {
                let part = |from: &[f64], class: usize, size: usize| {
                    from[class * size * CLIP..][..size * CLIP].to_vec()
                };
                let sorted: Vec<f64> = (0..WAY)
                    .flat_map(|c| [part(support, c, SHOT), part(query, c, QUERY)])
                    .flatten()
                    .collect();
                let before = (1..steps).fold(start.clone(), |at, _| self.adapt(&at, &sorted));
                let before = self.placed(&before, &self.embed(&before.body, &sorted));
                let loss = self.loss_at(&before, &sorted);
                let last = self.adapt(&before, &sorted);
                let change = reference::weighted_sum([1.0, -1.0], &start.body, &last.body);
                (change, loss)
            }
        }
    }
}

/// The worst element, with `tolerance` of the root mean square and of the element itself allowed.
fn worst(got: &[f32], values: Vec<f64>, tolerance: f64) -> Worst {
    let shape = [1, 1, 1, values.len()];
    let tensor = Plan::new(gpu().class()).tensor("compared", shape, BufferRole::Output);
    let expected = Expected {
        tensor,
        values,
        tolerance,
        rounding: 0.0,
    };
    compare(got, &expected)
}

#[test]
fn the_meta_gradients_are_the_twins() {
    let network = network(SPEC);
    let parameters = rough_parameters(&network);
    for method in METHODS {
        let learner = learner(method);
        let training = TrainingPlan::new(
            gpu().class(),
            &StepShape {
                network: &network,
                task: Task::new(WAY, SHOT, QUERY),
                augment: Augment::default(),
                optimizer: AdamW::default(),
                learner,
                banks: &[BANDS * 40],
                shaping: Shaping::default(),
                teacher: None,
            },
        );
        let program = Program::new(gpu(), training.plan.clone()).unwrap();
        program.poison();
        let info = StepInfo {
            seed: 5,
            step: 3,
            learning_rate: 0.0,
            threshold: 0.0,
        };
        let slot = Slot::file(0, 0, 40);
        let bank: Vec<f32> = normals(BANDS * 40, 8).iter().map(|v| v.abs()).collect();
        program.write(training.banks[0], &bank);
        program.write(training.slots, &[slot; WAY * (SHOT + QUERY)]);
        program.write(training.step, &[info]);
        program.write(training.optimizer.parameter, &parameters);
        program.run().unwrap();

        let got: Vec<f32> = program.read(training.optimizer.grad).unwrap();
        let clips = exact(&program.read::<f32>(training.clips).unwrap());
        let twin = |steps| Twin {
            network: &network,
            learner: Learner { steps, ..learner },
            stream: Some([info.seed, info.step]),
        };
        let start = twin(3).start(&parameters, 0.0);
        let (want, loss) = twin(3).meta(&start, &clips);
        // A difference of parameters in f32 loses what the small one lacks of the large ones' digits.
        let tolerance = match method {
            Method::Reptile => 5e-4,
            _ => 5e-5,
        };
        let found = worst(&got, want.clone(), tolerance);
        println!("{method:?}: {found:?}");
        assert!(found.holds(), "{method:?}: {found:?}");
        let history: Vec<f32> = program.read(training.history.unwrap()).unwrap();
        assert!(
            (f64::from(history[12]) - loss).abs() < 1e-4 * loss,
            "{method:?}: {history:?} against {loss}"
        );
        // A step fewer is another gradient.
        let (fewer, _) = twin(2).meta(&start, &clips);
        let found = worst(&got, fewer, tolerance);
        assert!(!found.holds(), "{method:?} with a step fewer: {found:?}");
        // The parameters themselves have not moved.
        let after: Vec<f32> = program.read(training.optimizer.parameter).unwrap();
        assert!(after == parameters);
        // What all classes share changes nothing, so a head that starts at zero is as good.
        let shared = twin(3).start(&parameters, 0.7);
        let (same, same_loss) = twin(3).meta(&shared, &clips);
        assert!((same_loss - loss).abs() < 1e-9, "{method:?}: {same_loss}");
        let off = same.iter().zip(&want).map(|(a, b)| (a - b).abs());
        assert!(off.fold(0.0, f64::max) < 1e-8, "{method:?}");
    }
}

#[test]
fn an_adapted_network_answers_as_the_twin() {
    let network = network(SPEC);
    let parameters = rough_parameters(&network);
    let learner = learner(Method::Maml);
    let segments = 2;
    let adapter = TaskAdapter::new(
        gpu(),
        &network,
        &learner,
        Task::new(WAY, SHOT, QUERY),
        segments,
    )
    .unwrap();
    // Files of one segment to three.
    let file = |k: usize, class: usize| -> Vec<Vec<f32>> {
        (0..1 + k % 3)
            .map(|s| {
                let mut clip = normals(CLIP, (100 + 3 * k + s) as u32);
                clip.iter_mut()
                    .skip(class)
                    .step_by(3)
                    .for_each(|v| *v += 1.0);
                clip
            })
            .collect()
    };
    let support: Vec<_> = (0..WAY * SHOT).map(|k| file(k, k / SHOT)).collect();
    let query: Vec<_> = (0..WAY * QUERY).map(|k| file(k + 20, k % WAY)).collect();
    let by_class: Vec<Vec<&[Vec<f32>]>> = support
        .chunks(SHOT)
        .map(|files| files.iter().map(Vec::as_slice).collect())
        .collect();
    let asked: Vec<&[Vec<f32>]> = query.iter().map(Vec::as_slice).collect();
    let got = adapter.distances(&parameters, &by_class, &asked).unwrap();
    // Threads that share it get the same.
    let others: Vec<f32> = parameters.iter().map(|v| 0.5 * v).collect();
    let of_others = adapter.distances(&others, &by_class, &asked).unwrap();
    std::thread::scope(|scope| {
        for (parameters, want) in [(&parameters, &got), (&others, &of_others)] {
            let (adapter, by_class, asked) = (&adapter, &by_class, &asked);
            scope.spawn(move || {
                for _ in 0..5 {
                    assert!(adapter.distances(parameters, by_class, asked).unwrap() == *want);
                }
            });
        }
    });

    let batch = |files: &[Vec<Vec<f32>>], k: usize| -> Vec<f64> {
        files
            .iter()
            .flat_map(|segments| exact(&segments[k % segments.len()]))
            .collect()
    };
    let twin = Twin {
        network: &network,
        learner,
        stream: None,
    };
    let answers = |steps: usize| -> Vec<f64> {
        let start = twin.start(&parameters, 0.0);
        let at = (0..steps).fold(start, |at, k| twin.adapt(&at, &batch(&support, k)));
        let answer = |k| twin.answer(&at, &twin.embed(&at.body, &batch(&query, k)));
        reference::weighted_sum([0.5, 0.5], &answer(0), &answer(1))
    };
    let want = answers(3);
    let tolerance = 5e-5;
    let found = worst(&got, want.clone(), tolerance);
    println!("{found:?}");
    assert!(found.holds(), "{found:?}");
    assert!(!worst(&got, answers(2), tolerance).holds());
    let nearest: Vec<usize> = want
        .chunks(WAY)
        .map(|row| (0..WAY).min_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap())
        .collect();
    let classes = adapter.classify(&parameters, &by_class, &asked).unwrap();
    assert_eq!(classes, nearest);
}

/// A training of so many episodes on made-up files: a class has its own strong bands. History of each
/// episode, and the parameters.
fn train(method: Method, episodes: u32) -> (Vec<[f32; 4]>, Vec<f32>) {
    const FILES: usize = 12;
    const LENGTH: usize = 20;
    const STRONG: [&[usize]; WAY] = [&[2], &[3], &[2, 3]];
    let network = network(&SPEC.replace(
        "[[layers]]\ntype = \"noise\"",
        "[[layers]]\ntype = \"group_norm\"\naffine = false\n[[layers]]\ntype = \"noise\"",
    ));
    let training = TrainingPlan::new(
        gpu().class(),
        &StepShape {
            network: &network,
            task: Task::new(WAY, SHOT, QUERY),
            augment: Augment::default(),
            optimizer: AdamW::default(),
            learner: Learner {
                head_rate: 1.0,
                body_rate: 0.02,
                ..learner(method)
            },
            banks: &[WAY * FILES * LENGTH * BANDS],
            shaping: Shaping::default(),
            teacher: None,
        },
    );
    let program = Program::new(gpu(), training.plan.clone()).unwrap();
    let noise = normals(WAY * FILES * LENGTH * BANDS, 9);
    let bank: Vec<f32> = noise
        .iter()
        .enumerate()
        .map(|(k, v)| {
            let (file, band) = (k / (LENGTH * BANDS), k / LENGTH % BANDS);
            0.3 * v.abs() + f32::from(u8::from(STRONG[file / FILES].contains(&band)))
        })
        .collect();
    program.write(training.banks[0], &bank);
    program.write(training.optimizer.parameter, &network.initial_parameters(2));
    program.write(training.optimizer.state, &[OptimizerState::START]);
    let mut rows = Vec::new();
    for step in 0..episodes {
        let slots: Vec<Slot> = (0..WAY * (SHOT + QUERY))
            .map(|clip| {
                let (class, place) = match clip.checked_sub(WAY * SHOT) {
                    None => (clip / SHOT, clip % SHOT),
                    Some(query) => (query / QUERY, SHOT + query % QUERY),
                };
                let file = (step as usize * (SHOT + QUERY) + place) % FILES;
                Slot::file(
                    0,
                    ((class * FILES + file) * LENGTH * BANDS) as u32,
                    LENGTH as u32,
                )
            })
            .collect();
        program.write(training.slots, &slots);
        let info = StepInfo {
            seed: 4,
            step,
            learning_rate: 0.02,
            threshold: 0.0,
        };
        program.write(training.step, &[info]);
        program.run().unwrap();
        let history: Vec<[f32; 4]> = program.read(training.history.unwrap()).unwrap();
        rows.push(history[step as usize % history.len()]);
    }
    (rows, program.read(training.optimizer.parameter).unwrap())
}

#[test]
fn every_learner_learns_and_the_same_seed_gives_the_same_bits() {
    for method in METHODS {
        let (rows, _) = train(method, 60);
        let mean = |rows: &[[f32; 4]], at: usize| {
            rows.iter().map(|row| row[at]).sum::<f32>() / rows.len() as f32
        };
        let (first, last) = (&rows[..8], &rows[52..]);
        println!(
            "{method:?}: loss {} to {}, accuracy {} to {}",
            mean(first, 0),
            mean(last, 0),
            mean(first, 1),
            mean(last, 1)
        );
        assert!(mean(last, 0) < 0.7 * mean(first, 0), "{method:?}: {rows:?}");
        assert!(mean(last, 1) > 0.9, "{method:?}: {rows:?}");
        assert!(train(method, 6) == train(method, 6), "{method:?}");
    }
}
