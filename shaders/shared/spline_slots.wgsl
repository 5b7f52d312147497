// What a tile in workgroup memory holds of the input of a spline convolution: of every element its basis, four slots a
// vec4. An input is a channel.

@group(0) @binding(0) var<storage, read> x: array<f32>;             // [N, CI, IN_H, IN_W]

override INPUTS: u32 = CI;
override VECTORS: u32 = (TILE_S + 3u) / 4u; // 1 to 4: vec4 of slots of an element
override NEXT_INPUT: u32 = IN_H * IN_W; // in x, from an input to the next

alias Element = f32;

// Where an element is in x: of input i at place `at` of image n.
fn element_index(n: u32, i: u32, at: u32) -> u32 {
  return (n * CI + i) * (IN_H * IN_W) + at;
}

fn load_element(index: u32) -> Element {
  return x[index];
}

// Slots 4*v and on.
fn element_slots(element: Element, v: u32) -> vec4<f32> {
  var slots: vec4<f32>;
  for (var s = 0u; s < 4u; s++) {
    if (4u * v + s < TILE_S) {
      slots[s] = edge_basis(4u * v + s, element);
    }
  }
  return slots;
}

// Rows of the weights, of CO_PAD each, and that of slot m of a tap of input i, the last input beyond them.
fn weight_rows() -> u32 {
  return CI * KERNEL_H * KERNEL_W * slot_count();
}

fn weight_row(i: u32, tap: u32, m: u32) -> u32 {
  return (min(i, CI - 1u) * (KERNEL_H * KERNEL_W) + tap) * slot_count() + m;
}

fn has_weight(i: u32, m: u32) -> bool {
  return i < CI && m < slot_count();
}
