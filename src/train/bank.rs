//! The clip bank: the training files' frames on the device, in as many buffers as its limits ask, and
//! in turns where they do not fit at once.

use crate::data::{Pool, Task};
use crate::gpu::word;
use crate::ops::Slot;
use crate::random::Stream;

/// Where files lie in the bank's buffers.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct BankLayout {
    /// Elements of each buffer.
    pub buffers: Vec<usize>,
    /// For each file: its index, its place.
    pub slots: Vec<(usize, Slot)>,
}

/// Puts files, given as (index, frames), one after the other into buffers of at most `limit` elements.
/// A file longer than a buffer is cut to fit.
pub(super) fn pack(files: &[(usize, usize)], bands: usize, limit: usize) -> BankLayout {
    // A slot tells the place of a file in 32 bits.
    let limit = limit.min(u32::MAX as usize);
    let mut layout = BankLayout::default();
    for &(index, frames) in files {
        let frames = frames.min(limit / bands).max(1);
        let size = frames * bands;
        match layout.buffers.last() {
            Some(used) if used + size <= limit => {}
            _ => layout.buffers.push(0),
        }
        let bank = layout.buffers.len() - 1;
        let first = layout.buffers[bank];
        layout.buffers[bank] += size;
        layout
            .slots
            .push((index, Slot::file(word(bank), word(first), word(frames))));
    }
    layout
}

/// The files of turn `turn` of a data set that does not fit at once: a random choice with the same
/// number of files of each class as far as `capacity` elements allow, of as many classes as get enough
/// files, in enough groups, for a task. A function of the seed and the turn.
pub(super) fn turn_files(
    pool: &Pool,
    size_of: impl Fn(usize) -> usize,
    capacity: usize,
    task: Task,
    seed: u64,
    turn: u64,
) -> Vec<usize> {
    let mut stream = Stream::new(seed, "bank turn", turn);
    let mut classes: Vec<Vec<usize>> = pool.files.clone();
    stream.shuffle(&mut classes);
    classes.iter_mut().for_each(|files| stream.shuffle(files));
    let mut left = capacity;
    let mut chosen = Vec::new();
    // First what every class needs to be drawn at all, class by class ...
    let mut taken = Vec::new();
    for files in &classes {
        let Some(least) = enough(pool, files, task) else {
            continue;
        };
        let size: usize = files[..least].iter().map(|&f| size_of(f)).sum();
        if size > left {
            break;
        }
        left -= size;
        chosen.extend(&files[..least]);
        taken.push(files[least..].iter());
    }
    // ... then one more file of each class in turn.
    loop {
        let mut added = false;
        for files in &mut taken {
            if let Some(&file) = files.next().filter(|&&f| size_of(f) <= left) {
                left -= size_of(file);
                chosen.push(file);
                added = true;
            }
        }
        if !added {
            return chosen;
        }
    }
}

/// How many of a class's files, from the first, make an episode possible.
fn enough(pool: &Pool, files: &[usize], task: Task) -> Option<usize> {
    let mut class = Pool::new(vec![String::new()], vec![Vec::new()], pool.group_of.clone());
    files
        .iter()
        .position(|&file| {
            class.files[0].push(file);
            class.check_class(0, task).is_ok()
        })
        .map(|last| last + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_never_straddle_buffers_and_never_overlap() {
        let files = [(7, 10), (3, 25), (1, 4), (9, 100), (2, 1)];
        let layout = pack(&files, 4, 120);
        assert_eq!(layout.slots.len(), 5);
        let mut used: Vec<Vec<std::ops::Range<u32>>> = vec![Vec::new(); layout.buffers.len()];
        for (_, slot) in &layout.slots {
            let range = slot.first..slot.first + slot.frames * 4;
            assert!(range.end as usize <= layout.buffers[slot.bank as usize]);
            let others = &mut used[slot.bank as usize];
            assert!(
                others
                    .iter()
                    .all(|o| o.end <= range.start || range.end <= o.start)
            );
            others.push(range);
        }
        assert!(layout.buffers.iter().all(|&b| b <= 120));
        // The file of 100 frames is cut to a whole buffer.
        assert_eq!(layout.slots[3].1.frames, 30);
    }

    #[test]
    fn a_turn_fits_and_serves_every_class_alike_and_turns_differ() {
        let files: Vec<Vec<usize>> = (0..4).map(|c| (c * 10..c * 10 + 10).collect()).collect();
        let pool = Pool::new(
            (0..4).map(|c| c.to_string()).collect(),
            files,
            (0..40).collect(),
        );
        let turn = |n| turn_files(&pool, |_| 100, 2400, Task::new(2, 2, 3), 1, n);
        let first = turn(0);
        assert_eq!(first.len(), 24);
        for class in 0..4 {
            assert_eq!(first.iter().filter(|&&f| f / 10 == class).count(), 6);
        }
        assert_eq!(first, turn(0));
        assert_ne!(first, turn(1));
        // Too small for all classes: fewer classes, never fewer files of one.
        let few = turn_files(&pool, |_| 100, 1100, Task::new(2, 2, 3), 1, 0);
        let of = |class: usize| few.iter().filter(|&&f| f / 10 == class).count();
        let mut counts: Vec<usize> = (0..4).map(of).collect();
        counts.sort_unstable();
        assert_eq!(counts, [0, 0, 5, 6]);
        // Where files belong together, as many are taken as an episode needs.
        let grouped = Pool::new(
            pool.classes.clone(),
            pool.files.clone(),
            (0..40)
                .map(|file| if file % 10 < 7 { file / 10 } else { 4 + file })
                .collect(),
        );
        for turn in 0..20 {
            let chosen = turn_files(&grouped, |_| 100, 2400, Task::new(2, 2, 3), 1, turn);
            let files = (0..4).map(|class| {
                chosen
                    .iter()
                    .copied()
                    .filter(|f| f / 10 == class)
                    .collect::<Vec<_>>()
            });
            let (classes, files): (Vec<_>, Vec<_>) = files
                .filter(|files| !files.is_empty())
                .map(|files| (String::new(), files))
                .unzip();
            assert!(files.len() >= 2);
            Pool::new(classes, files, grouped.group_of.clone())
                .check(Task::new(2, 2, 3))
                .unwrap();
        }
    }
}
