//! Embeddings of segments and files.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use rayon::prelude::*;

use crate::audio::AudioInfo;
pub use crate::embedder::{Embedder, inference, inference_by};
use crate::features::{FeatureError, FrontEnd, Segment, SegmentShape};
use crate::gpu::GpuError;
use crate::mel::MelError;

/// Segments that wait between decoding and the GPU.
const QUEUE: usize = 256;

/// The mean of embeddings: a file's embedding from those of its segments.
pub fn mean_embedding(segments: &[Vec<f32>]) -> Vec<f32> {
    let mut mean = vec![0.0; segments.first().map_or(0, Vec::len)];
    for segment in segments {
        for (m, v) in mean.iter_mut().zip(segment) {
            *m += v / segments.len() as f32;
        }
    }
    mean
}

/// One embedded segment.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentEmbedding {
    /// Its start within the file, in seconds.
    pub start_s: f64,
    /// Its end, or the end of the file if that comes first, in seconds.
    pub end_s: f64,
    /// The embedding.
    pub embedding: Vec<f32>,
}

/// A file's embeddings.
#[derive(Debug, Clone, PartialEq)]
pub struct FileEmbedding {
    /// What was decoded.
    pub info: AudioInfo,
    /// Its segments, in order.
    pub segments: Vec<SegmentEmbedding>,
}

impl FileEmbedding {
    /// The mean over the segments.
    pub fn mean(&self) -> Vec<f32> {
        let segments: Vec<_> = self.segments.iter().map(|s| s.embedding.clone()).collect();
        mean_embedding(&segments)
    }
}

enum Message {
    Segment(usize, Segment),
    End(usize, Box<Result<AudioInfo, FeatureError>>),
}

/// Embeds files: all cores decode while the device embeds. `on_file` is called for each file in the
/// order given, as soon as it and all before it are done; a file that fails costs only itself. Decoding has threads of its own,
/// so this may be called from within a pool whose threads are all busy.
///
/// # Errors
/// A fault of the device ends everything.
pub fn embed_files(
    front_end: &FrontEnd,
    embedder: &Embedder,
    segment: SegmentShape,
    paths: &[PathBuf],
    mut on_file: impl FnMut(usize, Result<FileEmbedding, FeatureError>),
) -> Result<(), GpuError> {
    let (sender, receiver) = sync_channel(QUEUE);
    std::thread::scope(|scope| {
        scope.spawn(move || decode_all(front_end, segment, paths, &sender));
        Collector::new(front_end, embedder, segment, paths).run(receiver, &mut on_file)
    })
}

fn decode_all(
    front_end: &FrontEnd,
    shape: SegmentShape,
    paths: &[PathBuf],
    sender: &SyncSender<Message>,
) {
    let decode = |(index, path): (usize, &PathBuf)| {
        let sink = &mut |segment| drop(sender.send(Message::Segment(index, segment)));
        let result = front_end.segments(Path::new(path), shape, sink);
        // Sending fails only when the collector has given up; then nobody needs the rest.
        sender.send(Message::End(index, Box::new(result))).ok()
    };
    // In order of the list, so that results leave early and little waits.
    let decode_each = || {
        let _ = paths
            .par_iter()
            .enumerate()
            .with_max_len(1)
            .map(decode)
            .while_some()
            .count();
    };
    // In a pool of its own: all threads of the common one may be waiting for this to embed. A system that grants no
    // more threads has the common pool alone.
    match rayon::ThreadPoolBuilder::new().build() {
        Ok(pool) => pool.install(decode_each),
        Err(_) => decode_each(),
    }
}

/// Gathers segments into batches and hands files out in order.
struct Collector<'a> {
    front_end: &'a FrontEnd,
    embedder: &'a Embedder,
    shape: SegmentShape,
    paths: &'a [PathBuf],
    waiting: Vec<(usize, Segment)>,
    segments: Vec<Vec<SegmentEmbedding>>,
    results: Vec<Option<Result<AudioInfo, FeatureError>>>,
    done: usize,
}

impl<'a> Collector<'a> {
    fn new(
        front_end: &'a FrontEnd,
        embedder: &'a Embedder,
        shape: SegmentShape,
        paths: &'a [PathBuf],
    ) -> Self {
        Self {
            front_end,
            embedder,
            shape,
            waiting: Vec::new(),
            paths,
            segments: vec![Vec::new(); paths.len()],
            results: paths.iter().map(|_| None).collect(),
            done: 0,
        }
    }

    /// Owns the receiver, so that the decoders do not wait for a collector that has failed.
    fn run(
        mut self,
        receiver: Receiver<Message>,
        on_file: &mut dyn FnMut(usize, Result<FileEmbedding, FeatureError>),
    ) -> Result<(), GpuError> {
        let batch = self.embedder.batch();
        loop {
            let message = match receiver.try_recv() {
                Ok(message) => message,
                Err(_) => {
                    // A part of a batch is embedded rather than let a device idle, but not on the cores that decode: there it
                    // would cost as much as a whole one.
                    if !self.embedder.shares_cores() {
                        self.embed()?;
                        self.hand_out(on_file);
                    }
                    match receiver.recv() {
                        Ok(message) => message,
                        Err(_) => {
                            self.embed()?;
                            self.hand_out(on_file);
                            return Ok(());
                        }
                    }
                }
            };
            match message {
                Message::Segment(index, segment) => self.waiting.push((index, segment)),
                Message::End(index, result) => match *result {
                    Err(FeatureError::Mel {
                        error: MelError::Gpu(fault),
                        ..
                    }) => return Err(fault),
                    result => self.results[index] = Some(result),
                },
            }
            if self.waiting.len() >= batch {
                self.embed()?;
                self.hand_out(on_file);
            }
        }
    }

    fn embed(&mut self) -> Result<(), GpuError> {
        let (places, clips): (Vec<_>, Vec<_>) = self
            .waiting
            .drain(..)
            .map(|(index, s)| ((index, s.first, s.present), s.values))
            .unzip();
        let preset = self.front_end.preset();
        for ((index, first, present), embedding) in
            places.into_iter().zip(self.embedder.embed(&clips)?)
        {
            self.segments[index].push(SegmentEmbedding {
                start_s: SegmentShape::seconds(preset, first),
                end_s: SegmentShape::seconds(preset, first + present.min(self.shape.frames())),
                embedding,
            });
        }
        Ok(())
    }

    /// Called with nothing waiting: every finished file has all its embeddings.
    fn hand_out(&mut self, on_file: &mut dyn FnMut(usize, Result<FileEmbedding, FeatureError>)) {
        while let Some(result) = self.results.get_mut(self.done).and_then(Option::take) {
            let segments = std::mem::take(&mut self.segments[self.done]);
            let finite = |s: &SegmentEmbedding| s.embedding.iter().all(|value| value.is_finite());
            let result = match result {
                Ok(_) if !segments.iter().all(finite) => Err(FeatureError::NotFinite {
                    path: self.paths[self.done].clone(),
                }),
                result => result,
            };
            on_file(
                self.done,
                result.map(|info| FileEmbedding { info, segments }),
            );
            self.done += 1;
        }
    }
}
