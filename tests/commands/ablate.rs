//! `gamaka ablate` as a user runs it.

use std::collections::BTreeSet;
use std::path::Path;

use crate::{fails, studio, succeeds, text};

/// A small comparison of the studio's music, into `out`.
fn arguments<'a>(music: &'a Path, config: &'a Path, out: &'a Path) -> Vec<&'a str> {
    let mut arguments = vec!["ablate", text(music), "-o", text(out)];
    arguments.extend(["--config", text(config), "--models", "kan,mlp,random"]);
    arguments.extend(["--learners", "prototype,anil", "--focus", "kan"]);
    arguments.extend(["--seeds", "2", "--learner-seeds", "1"]);
    arguments.extend(["--rates", "1e-3,1e-2", "--test-episodes", "20"]);
    arguments.extend([
        "--near",
        "a/b,a/c,a/d,a/e,a/f,b/c,b/d,b/e,b/f,c/d,c/e,c/f,d/e,d/f,e/f",
    ]);
    arguments
}

fn cells(out: &Path) -> BTreeSet<String> {
    let files = std::fs::read_dir(out.join("cells")).map(|files| files.collect::<Vec<_>>());
    files
        .unwrap_or_default()
        .into_iter()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_comparison_writes_its_page_tables_and_figures_and_reads_its_cells_again() {
    let (music, config) = (studio().music(), studio().config());
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let said = succeeds(&arguments(&music, &config, &out));
    let read = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    let tables = read("tables.md");
    for word in [
        "## Networks",
        "| kan ",
        "kan less MFCC, nearest centroid",
        "## Learners",
        "kan, anil",
        "## Heads",
        "## Shots",
        "## What an accuracy costs",
        "## Near neighbours",
        "no seed tests",
        "(Bonferroni)",
    ] {
        assert!(tables.contains(word), "{word}: {tables}");
    }
    // What matters most stands next to the names, and no two columns have one name.
    let heads: Vec<Vec<&str>> = tables
        .lines()
        .zip(tables.lines().skip(1))
        .filter(|(_, rule)| rule.starts_with("| --"))
        .map(|(head, _)| head.split('|').map(str::trim).collect())
        .collect();
    let begins = |names: &[&str]| heads.iter().any(|head| head[1..].starts_with(names));
    assert!(begins(&[
        "network",
        "accuracy",
        "95 % over files",
        "less untrained"
    ]));
    assert!(begins(&["points", "mean", "verdict"]));
    for head in &heads {
        let named = head.iter().filter(|name| !name.is_empty());
        let different: BTreeSet<&&str> = named.clone().collect();
        assert_eq!(different.len(), named.count(), "{head:?}");
    }
    // The terminal gets the same words and figures.
    let words = |text: &str| -> BTreeSet<String> {
        let words = text.split_whitespace();
        words
            .filter(|word| word.contains(char::is_alphanumeric))
            .map(String::from)
            .collect()
    };
    assert_eq!(words(&tables), words(&said));
    for picture in ["accuracy", "parameters", "shots", "training", "confusion"] {
        let svg = read(&format!("pictures/{picture}.svg"));
        assert!(svg.starts_with("<svg"), "{picture}");
    }
    assert!(read("report.html").contains("Is it the splines?"));
    let findings: serde_json::Value = serde_json::from_str(&read("findings.json")).unwrap();
    let names: Vec<&str> = findings["networks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    let floors = ["MFCC, nearest centroid", "MFCC, linear probe"];
    assert_eq!(names, [&["kan", "mlp", "random"][..], &floors].concat());
    // Random weights are the untrained network's.
    assert!(findings["networks"][2]["step_ms"].is_null());
    let systems = read("accuracies.csv");
    assert!(systems.starts_with("system,seed,accuracy,low,high"));
    assert_eq!(systems.lines().filter(|l| l.starts_with("kan,")).count(), 2);

    figures_agree(&out, &music, &findings, &systems);

    // The same command again trains nothing, and other models reuse what is there.
    let before = cells(&out);
    assert_eq!(succeeds(&arguments(&music, &config, &out)), said);
    assert_eq!(cells(&out), before);
    // Two rates of three trainings on the first seed, whose search goes on if the best is at an end; the other seeds,
    // the untrained ones, and half of the classes.
    let results = before.iter().filter(|name| name.ends_with(".json")).count();
    assert!(
        (6 + 1 + 1 + 2 + 2..=12 + 6).contains(&results),
        "{before:?}"
    );
    let json = succeeds(&[&arguments(&music, &config, &out)[..], &["--json"]].concat());
    let printed: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(printed, findings);

    // Other settings, other data and damage are told, not mixed in.
    let other = [&arguments(&music, &config, &out)[..], &["--episodes", "9"]].concat();
    let words = fails(1, &other);
    assert!(words.contains("made with other settings"), "{words}");
    let name = before.iter().find(|name| name.ends_with(".json")).unwrap();
    std::fs::write(out.join("cells").join(name), "{").unwrap();
    let words = fails(1, &arguments(&music, &config, &out));
    assert!(
        words.contains("damaged") && words.contains(name.as_str()),
        "{words}"
    );
}

/// The tables' figures are those of the seeds, and those of `gamaka eval` on a cell's model.
fn figures_agree(out: &Path, music: &Path, findings: &serde_json::Value, systems: &str) {
    let of_seed = |system: &str, seed: usize| -> f64 {
        let mut rows = csv::Reader::from_reader(systems.as_bytes());
        let row = rows
            .records()
            .map(Result::unwrap)
            .find(|row| &row[0] == system && row[1] == seed.to_string());
        row.unwrap_or_else(|| panic!("{system}, seed {seed}: {systems}"))[2]
            .parse()
            .unwrap()
    };
    let mean = |system: &str| (of_seed(system, 1) + of_seed(system, 2)) / 2.0;
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
    let networks = findings["networks"].as_array().unwrap();
    for row in networks {
        let name = row["name"].as_str().unwrap();
        close(row["accuracy"]["mean"].as_f64().unwrap(), mean(name));
    }
    for row in findings["differences"].as_array().unwrap() {
        let [of, against] = ["of", "against"].map(|side| mean(row[side].as_str().unwrap()));
        close(row["difference"]["mean"].as_f64().unwrap(), of - against);
    }
    let gain = mean("kan") - mean("kan, untrained");
    close(
        networks[0]["less_untrained"]["mean"].as_f64().unwrap(),
        gain,
    );

    let rate = networks[0]["rate"].as_f64().unwrap();
    let model = format!("cells/kan.prototype.seed1.rate{rate:e}.share1.safetensors");
    let model = out.join(model);
    let mut arguments = vec!["eval", text(music), "--model", text(&model)];
    arguments.extend(["--episodes", "20", "--json"]);
    let evaluated: serde_json::Value = serde_json::from_str(&succeeds(&arguments)).unwrap();
    let found = evaluated["result"]["systems"].as_array().unwrap();
    for (system, name) in found.iter().zip([
        "kan",
        "kan, untrained",
        "MFCC, nearest centroid",
        "MFCC, linear probe",
    ]) {
        close(
            system["accuracy"]["mean"].as_f64().unwrap(),
            of_seed(name, 1),
        );
    }
}

#[cfg(unix)]
#[test]
fn a_killed_comparison_goes_on_with_no_cell_lost_or_doubled() {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    let (music, config) = (studio().music(), studio().config());
    let folder = tempfile::tempdir().unwrap();
    let (whole, killed) = (folder.path().join("whole"), folder.path().join("killed"));
    let said = succeeds(&arguments(&music, &config, &whole));
    let mut child = crate::command(&arguments(&music, &config, &killed))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while cells(&killed)
        .iter()
        .filter(|name| name.ends_with(".json"))
        .count()
        < 3
    {
        assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
        assert!(start.elapsed() < Duration::from_secs(300));
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let done = cells(&killed);
    assert!(done.len() < cells(&whole).len());
    let again = succeeds(&arguments(&music, &config, &killed));
    assert_eq!(cells(&killed), cells(&whole));
    // Everything but the times is the same.
    let figures = |out: &Path| std::fs::read_to_string(out.join("accuracies.csv")).unwrap();
    assert_eq!(figures(&killed), figures(&whole));
    assert_eq!(again.lines().count(), said.lines().count());
}

#[test]
fn grids_that_make_no_sense_are_refused_before_anything_is_trained() {
    let (music, config) = (studio().music(), studio().config());
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let base = [
        "ablate",
        text(&music),
        "-o",
        text(&out),
        "--config",
        text(&config),
    ];
    let cases: &[(i32, &[&str], &str)] = &[
        (1, &["--models", "vgg"], "cnn-params"),
        (1, &["--models", "missing.toml"], "missing.toml"),
        (1, &["--models", "kan,mlp,kan"], "`kan` is given twice"),
        (1, &["--models", "random"], "no network to train"),
        (
            1,
            &["--models", "kan", "--focus", "cnn"],
            "of those in --models",
        ),
        (
            2,
            &["--learners", "sgd"],
            "prototype, maml, anil or reptile",
        ),
        (
            1,
            &["--models", "kan", "--learners", "anil,anil"],
            "`anil` is given twice",
        ),
        (
            1,
            &["--models", "kan", "--seeds", "3,1,3"],
            "seed 3 is given twice",
        ),
        (1, &["--models", "kan", "--seeds", "many"], "--seeds many"),
        (1, &["--models", "kan", "--seeds", "0"], "at least one seed"),
        (1, &["--models", "kan", "--rates", "0"], "above 0"),
        (
            2,
            &["--models", "kan", "--shares", "1.5"],
            "a number from 0 to 1",
        ),
        (1, &["--models", "kan", "--way", "5"], "class"),
        (1, &["--models", "kan", "--near", "a/jazz"], "`jazz`"),
        (1, &["--models", "kan", "--near", "a/a"], "beside itself"),
        (
            2,
            &["--models", "kan", "--test-episodes", "1"],
            "--test-episodes",
        ),
        (
            1,
            &["--models", "kan", "--shares", "0.5,0.501"],
            "differ by 1 %",
        ),
        (
            2,
            &[
                "--models",
                "kan",
                "--learners",
                "anil,maml",
                "--learner-seeds",
                "0",
            ],
            "--learner-seeds",
        ),
        (
            1,
            &[
                "--models",
                "kan,random",
                "--learners",
                "anil,maml",
                "--focus",
                "random",
            ],
            "--focus",
        ),
    ];
    for (code, more, word) in cases {
        let words = fails(*code, &[&base[..], more].concat());
        assert!(words.contains(word), "{more:?}: {words}");
    }
    let words = fails(
        1,
        &[&base[..], &["--models", "kan", "--memory", "1KiB"]].concat(),
    );
    assert!(words.contains("kan") && words.contains("MiB"), "{words}");
    assert!(cells(&out).is_empty());
}
