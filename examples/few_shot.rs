//! A few-shot classifier in your own program:
//! `cargo run --release --example few_shot -- MODEL.safetensors EXAMPLES SONG.mp3`
//!
//! EXAMPLES holds one folder of example files for each genre; the model comes from `gamaka train`.

use std::path::{Path, PathBuf};

use gamaka::data::Dataset;
use gamaka::embed::{Embedder, embed_files};
use gamaka::features::FrontEnd;
use gamaka::fewshot::{Metric, classify};
use gamaka::gpu::{DeviceChoice, Gpu};
use gamaka::mel::EngineChoice;
use gamaka::model::Model;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, model, examples, song] = &arguments[..] else {
        return Err("usage: few_shot MODEL.safetensors EXAMPLES SONG".into());
    };
    let model = Model::load(Path::new(model))?;
    let gpu = Gpu::open(&DeviceChoice::Auto)?;
    let front_end = FrontEnd::new(EngineChoice::Auto, Some(&gpu), &model.info.preset, false)?;
    let embedder = Embedder::new(&gpu, &model.network, &model.parameters)?;

    // One embedding a file: the mean of its segments'.
    let embed = |paths: &[PathBuf]| -> Result<Vec<Option<Vec<f32>>>, Box<dyn std::error::Error>> {
        let mut embeddings = vec![None; paths.len()];
        embed_files(
            &front_end,
            &embedder,
            model.info.segment,
            paths,
            |k, result| match result {
                Ok(file) => embeddings[k] = Some(file.mean()),
                Err(error) => eprintln!("left out: {error}"),
            },
        )?;
        Ok(embeddings)
    };
    let dataset = Dataset::open(Path::new(examples))?;
    let paths: Vec<PathBuf> = dataset
        .items
        .iter()
        .map(|item| dataset.file(item))
        .collect();
    let mut by_genre = vec![Vec::new(); dataset.classes.len()];
    for (item, embedding) in dataset.items.iter().zip(embed(&paths)?) {
        by_genre[item.class].extend(embedding);
    }
    let Some(query) = embed(&[PathBuf::from(song)])?.remove(0) else {
        return Err("the song cannot be read".into());
    };

    let metric = Metric {
        distance: model.network.spec.distance,
        scale: model.network.spec.scale,
    };
    for ranked in classify(&query, &by_genre, metric, 0)?.ranked {
        println!(
            "{:5.1} %  {}",
            100.0 * ranked.probability,
            dataset.classes[ranked.class]
        );
    }
    Ok(())
}
