// A reduction cut into SPLITS parts along z, where its outputs alone are too few to fill a GPU. Each split writes sums
// of its own, and reduce_partials adds them in a fixed order. With one split all of this is known when the shader is
// compiled.

override SPLITS: u32; // 1 to 64

fn split_index(group: vec3<u32>) -> u32 {
  return select(group.z, 0u, SPLITS == 1u);
}

// The first of a split's turns; the first of the next split's is its end.
fn first_turn(split: u32, turns: u32) -> u32 {
  return turns * split / SPLITS;
}
