//! A few-shot classifier in your own program: `cargo run --release --example few_shot -- EXAMPLES SONG.mp3`
//!
//! EXAMPLES holds one folder of example files for each genre. The model is the one that comes with gamaka; `Model::load`
//! reads one that `gamaka train` wrote.

use gamaka::{DeviceChoice, Ear, Model};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, folder, song] = &arguments[..] else {
        return Err("usage: few_shot EXAMPLES SONG".into());
    };
    let ear = Ear::new(Model::included()?, &DeviceChoice::Auto)?;
    let (examples, left_out) = ear.examples(folder.as_ref())?;
    left_out.iter().for_each(|why| eprintln!("left out: {why}"));
    for ranked in ear.classify(song.as_ref(), &examples)?.ranked {
        println!("{:5.1} %  {}", 100.0 * ranked.probability, ranked.genre);
    }
    Ok(())
}
