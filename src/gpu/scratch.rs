//! Memory that tensors of a plan share.

use std::cmp::Reverse;

use super::{BufferInfo, BufferRole, Plan};

/// First and last step that needs a buffer.
type Life = (usize, usize);

impl Plan {
    /// Lets scratch tensors whose steps do not overlap share buffers. Call it when the plan is complete.
    ///
    /// The largest choose first (greedy by size: Pisarchyk & Lee 2020), so that none that is small and needed for long holds
    /// a buffer that was made for a large one.
    pub fn share_scratch(&mut self) {
        let mut life: Vec<Option<Life>> = vec![None; self.buffers.len()];
        for (step, id) in self
            .steps
            .iter()
            .enumerate()
            .flat_map(|(k, s)| s.bindings.iter().map(move |&id| (k, id)))
        {
            let (_, last) = life[self.tensors[id].buffer].get_or_insert((step, step));
            *last = step;
        }
        let mut by_size: Vec<usize> = (0..self.buffers.len()).collect();
        by_size.sort_by_key(|&b| (Reverse(self.buffers[b].bytes), life[b]));
        let mut shared: Vec<(BufferInfo, Vec<Life>)> = Vec::new();
        let mut moved = vec![0; self.buffers.len()];
        for old in by_size {
            let info = self.buffers[old].clone();
            let (first, last) = life[old].unwrap_or_default();
            let apart = |&(from, to): &Life| to < first || last < from;
            // The smallest that is free; none of them is too small.
            let free = |(buffer, lives): &(BufferInfo, Vec<Life>)| {
                [buffer.role, info.role] == [BufferRole::Scratch; 2] && lives.iter().all(apart)
            };
            moved[old] = match shared.iter().rposition(free) {
                Some(place) => {
                    let (buffer, lives) = &mut shared[place];
                    buffer.label = "shared scratch".into();
                    lives.push((first, last));
                    place
                }
                None => {
                    shared.push((info, vec![(first, last)]));
                    shared.len().saturating_sub(1)
                }
            };
        }
        for tensor in &mut self.tensors {
            tensor.buffer = moved[tensor.buffer];
        }
        self.buffers = shared.into_iter().map(|(info, _)| info).collect();
    }
}
