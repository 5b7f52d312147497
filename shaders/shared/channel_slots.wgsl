// What a tile in workgroup memory holds of the input of an ordinary convolution, in place of the slots of splines
// (spline_slots.wgsl): the values themselves. An input is four channels, or a single one where there is no other.

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;       // [N, IN_H, IN_W, CI rounded up to TILE_S]

override TILE_S: u32; // 1 to MAX_S: channels of an input, 4 or 1
const MAX_S = 4u;

override INPUTS: u32 = (CI + TILE_S - 1u) / TILE_S;
const VECTORS = 1u;
const NEXT_INPUT = 1u;

alias Element = vec4<f32>;

fn element_index(n: u32, i: u32, at: u32) -> u32 {
  return (n * (IN_H * IN_W) + at) * INPUTS + i;
}

fn load_element(index: u32) -> Element {
  if (TILE_S == 1u) {
    return vec4<f32>(x[index / 4u][index % 4u], 0.0, 0.0, 0.0);
  }
  return x[index];
}

fn element_slots(element: Element, v: u32) -> vec4<f32> {
  return element;
}

fn weight_rows() -> u32 {
  return CI * KERNEL_H * KERNEL_W;
}

fn weight_row(i: u32, tap: u32, m: u32) -> u32 {
  return min(i * TILE_S + m, CI - 1u) * (KERNEL_H * KERNEL_W) + tap;
}

fn has_weight(i: u32, m: u32) -> bool {
  return i * TILE_S + m < CI;
}
