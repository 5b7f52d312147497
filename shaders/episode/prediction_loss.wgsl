// How far predictions are from their targets, and the gradient of that.
//
//   cos[r] = p . t / (|p| |t|), 0 if one of them is 0
//   loss[r] = 1/WIDTH |p - t|^2 + COSINE (1 - cos[r])      with p = prediction[r], t = wanted[r]
//   score[r] = (loss[r], cos[r])
//   grad[r,d] = WEIGHT d/dp[d] (mean over r of loss[r])
//
// One workgroup takes one row.
//
// dispatch: ROWS workgroups, folded over x and y

@group(0) @binding(0) var<storage, read> prediction: array<f32>;         // [ROWS, WIDTH]
@group(0) @binding(1) var<storage, read> wanted: array<f32>;             // [ROWS, WIDTH], the targets
@group(0) @binding(2) var<storage, read_write> score: array<vec2<f32>>;  // [ROWS, 2]: loss, cosine
@group(0) @binding(3) var<storage, read_write> grad: array<f32>;         // [ROWS, WIDTH]

override ROWS: u32;
override WIDTH: u32;
override COSINE: f32;
override WEIGHT: f32;

const SMALLEST_NORM = 1e-12; // of a squared norm

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= ROWS) {
    return;
  }
  var squares = vec2<f32>(); // |p|^2, |t|^2
  var both = vec2<f32>();    // p . t, |p - t|^2
  for (var d = lane; d < WIDTH; d += WORKGROUP) {
    let p = prediction[row * WIDTH + d];
    let t = wanted[row * WIDTH + d];
    squares = fma(vec2<f32>(p, t), vec2<f32>(p, t), squares);
    both = fma(vec2<f32>(p, p - t), vec2<f32>(t, p - t), both);
  }
  squares = row_sum(squares, lane);
  both = row_sum(both, lane);
  let inverse = inverseSqrt(max(squares, vec2<f32>(SMALLEST_NORM))); // 1 / |p|, 1 / |t|
  let cosine = both.x * inverse.x * inverse.y;
  // A prediction of 0 has no direction that could be turned.
  let turns = select(0.0, COSINE * inverse.x, squares.x > SMALLEST_NORM);
  let factor = WEIGHT / f32(ROWS);
  for (var d = lane; d < WIDTH; d += WORKGROUP) {
    let p = prediction[row * WIDTH + d];
    let t = wanted[row * WIDTH + d];
    let turn = turns * (t * inverse.y - cosine * p * inverse.x);
    grad[row * WIDTH + d] = factor * (2.0 * (p - t) / f32(WIDTH) - turn);
  }
  if (lane == 0u) {
    score[row] = vec2<f32>(both.y / f32(WIDTH) + COSINE * (1.0 - cosine), cosine);
  }
}
