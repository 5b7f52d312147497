// The gradient of statistics_pool_forward by its input: see statistics_pool_grad_input.

@group(0) @binding(2) var<storage, read> x: array<f32>;       // [N, C, POSITIONS]: rows of FRAMES
@group(0) @binding(3) var<storage, read> y: array<f32>;       // [N, 2, ROWS]
@group(0) @binding(4) var<storage, read> grad_y: array<f32>;  // [N, 2, ROWS]

override ROWS: u32; // of an image
override FRAMES: u32;

fn gradient(n: u32, at: vec4<u32>, p: u32) -> vec4<f32> {
  var values: vec4<f32>;
  for (var q = 0u; q < 4u; q++) {
    let row = at[q] / FRAMES + n * ROWS;
    let deviation = (x[at[q]] - y[row]) / y[row + ROWS];
    values[q] = fma(grad_y[row + ROWS], deviation, grad_y[row]) / f32(FRAMES);
  }
  return values;
}
