// The mean of embeddings, and one over their mean deviation: what a task's linear head sees is centred and scaled by
// its supports.
//
//   statistics[d] = mean over r of x[r,d];  statistics[WIDTH] = 1 / sqrt(mean over r, d of (x[r,d] - statistics[d])^2)
//
// Where all rows are equal, and without SCALED, the last one is 1.
//
// dispatch: one workgroup

@group(0) @binding(0) var<storage, read> x: array<f32>;                 // [ROWS, WIDTH]
@group(0) @binding(1) var<storage, read_write> statistics: array<f32>;  // [WIDTH + 1]

override ROWS: u32;
override WIDTH: u32;
override SCALED: bool;

const UNROLLED = 8u; // see reduce_partials

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(local_invocation_index) lane: u32) {
  var square = 0.0;
  for (var d = lane; d < WIDTH; d += WORKGROUP) {
    var sum = 0.0;
    for (var r = 0u; r < ROWS; r += UNROLLED) {
      for (var j = 0u; j < UNROLLED; j++) {
        if (r + j < ROWS) {
          sum += x[(r + j) * WIDTH + d];
        }
      }
    }
    let mean = sum / f32(ROWS);
    for (var r = 0u; r < ROWS; r += UNROLLED) {
      for (var j = 0u; j < UNROLLED; j++) {
        if (r + j < ROWS) {
          let deviation = x[(r + j) * WIDTH + d] - mean;
          square = fma(deviation, deviation, square);
        }
      }
    }
    statistics[d] = mean;
  }
  let variance = row_sum(vec2<f32>(square, 0.0), lane).x / f32(ROWS * WIDTH);
  if (lane == 0u) {
    statistics[WIDTH] = select(1.0, inverseSqrt(variance), SCALED && variance > 0.0);
  }
}
