// Statistics pooling (Snyder et al. 2017): mean and standard deviation over the frames.
//
//   y[n,0,r] = mean over w of x[n,r,w],  y[n,1,r] = sqrt(variance over w + EPSILON)
//
// dispatch: N*ROWS invocations, folded over x and y

@group(0) @binding(0) var<storage, read> x: array<f32>;        // [N, ROWS = C*H, FRAMES]
@group(0) @binding(1) var<storage, read_write> y: array<f32>;  // [N, 2, ROWS]

override N: u32;
override ROWS: u32;
override FRAMES: u32;
override EPSILON: f32;
override WORKGROUP: u32; // 1 to 256

const UNROLLED = 8u; // see reduce_partials

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= N * ROWS) {
    return;
  }
  let first = k * FRAMES;
  var sum = 0.0;
  for (var w = 0u; w < FRAMES; w += UNROLLED) {
    for (var j = 0u; j < UNROLLED; j++) {
      if (w + j < FRAMES) {
        sum += x[first + w + j];
      }
    }
  }
  let mean = sum / f32(FRAMES);
  var square = 0.0;
  for (var w = 0u; w < FRAMES; w += UNROLLED) {
    for (var j = 0u; j < UNROLLED; j++) {
      if (w + j < FRAMES) {
        let d = x[first + w + j] - mean;
        square = fma(d, d, square);
      }
    }
  }
  let at = (k / ROWS) * 2u * ROWS + k % ROWS;
  y[at] = mean;
  y[at + ROWS] = sqrt(square / f32(FRAMES) + EPSILON);
}
