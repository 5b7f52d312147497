// A gradient with the channels innermost, so that four of them are one load, and its sums by channel: the first half of a
// bias gradient. Where the gradient comes from is told by the function `gradient` of the file before.
//
//   last[n,p,c] = gradient(n,c,p), and 0 for the channels that fill up C_PAD
//   partial[n,k,c] = sum over the positions p of chunk k of last[n,p,c]
//
// One workgroup takes four channels of a chunk of an image's positions.
//
// dispatch: N*CHUNKS*C_PAD/4 workgroups, folded over x and y

@group(0) @binding(0) var<storage, read_write> last: array<vec4<f32>>;     // [N, POSITIONS, C_PAD]
@group(0) @binding(1) var<storage, read_write> partial: array<vec4<f32>>;  // [N, CHUNKS, C_PAD]

override N: u32;
override C: u32;
override C_PAD: u32; // 4 or more: C rounded up to a multiple of 4
override POSITIONS: u32;
override CHUNKS: u32; // 1 to POSITIONS

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let g = group.y * groups.x + group.x;
  if (g >= N * CHUNKS * (C_PAD / 4u)) {
    return;
  }
  let c4 = g % (C_PAD / 4u);
  let row = g / (C_PAD / 4u);
  let n = row / CHUNKS;
  let chunk = (POSITIONS + CHUNKS - 1u) / CHUNKS;
  let first = row % CHUNKS * chunk;
  let end = min(first + chunk, POSITIONS);
  let c = 4u * c4 + vec4<u32>(0u, 1u, 2u, 3u);
  var sum = vec4<f32>();
  for (var p = first + lane; p < end; p += WORKGROUP) {
    let at = (n * C + min(c, vec4<u32>(C - 1u))) * POSITIONS + p;
    let value = select(vec4<f32>(), gradient(n, at, p), c < vec4<u32>(C));
    last[(n * POSITIONS + p) * (C_PAD / 4u) + c4] = value;
    sum += value;
  }
  let left = row_sum(sum.xy, lane);
  let right = row_sum(sum.zw, lane);
  if (lane == 0u) {
    partial[row * (C_PAD / 4u) + c4] = vec4<f32>(left, right);
  }
}
