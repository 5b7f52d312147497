// Statistics pooling (Snyder et al. 2017): mean and standard deviation over the frames.
//
//   y[n,0,r] = mean over w of x[n,r,w],  y[n,1,r] = sqrt(variance over w + EPSILON)
//
// x is that of the file before. Where there are few rows, LANES invocations share one.
//
// dispatch: N*ROWS*LANES invocations, folded over x and y

@group(0) @binding(1) var<storage, read_write> y: array<f32>;  // [N, 2, ROWS]

override EPSILON: f32;
override WORKGROUP: u32; // 1 to 256

const UNROLLED = 8u; // see reduce_partials

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = ((group.y * groups.x + group.x) * WORKGROUP + lane) / LANES;
  let part = lane % LANES;
  let first = k * FRAMES;
  let end = select(0u, FRAMES, k < N * ROWS);
  var sum = 0.0;
  for (var w = part * UNROLLED; w < end; w += UNROLLED * LANES) {
    for (var j = 0u; j < UNROLLED; j++) {
      if (w + j < FRAMES) {
        sum += first_x(first + w + j);
      }
    }
  }
  let mean = lane_sum_of_all(sum, lane, part) / f32(FRAMES);
  var square = 0.0;
  for (var w = part * UNROLLED; w < end; w += UNROLLED * LANES) {
    for (var j = 0u; j < UNROLLED; j++) {
      if (w + j < FRAMES) {
        let d = x[first + w + j] - mean;
        square = fma(d, d, square);
      }
    }
  }
  let squares = lane_sum(vec2<f32>(square, 0.0), lane, part, 1u).x;
  if (k < N * ROWS && part == 0u) {
    let at = (k / ROWS) * 2u * ROWS + k % ROWS;
    y[at] = mean;
    y[at + ROWS] = sqrt(squares / f32(FRAMES) + EPSILON);
  }
}

// The sum of a row's lanes, for each of them.
fn lane_sum_of_all(value: f32, lane: u32, part: u32) -> f32 {
  let sum = lane_sum(vec2<f32>(value, 0.0), lane, part, 1u).x;
  if (LANES == 1u) {
    return sum;
  }
  workgroupBarrier();
  let all = lane_sums[lane - part].x;
  workgroupBarrier(); // before the next sum
  return all;
}
