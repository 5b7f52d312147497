// Group normalisation (Wu & He 2018); with as many groups as channels it is instance normalisation.
//
//   y = (x - mean) / sqrt(variance + EPSILON) * affine[0,c] + affine[1,c]
//   with mean and variance over the channels of a group and all positions of one image.
//
// One workgroup normalises one (n, group), WIDTH elements of a channel at a time. x is that of the file before.
//
// dispatch: N*GROUPS workgroups, folded over x and y

@group(0) @binding(1) var<storage, read> affine: array<f32>;         // [2, C]: scale, shift
@group(0) @binding(2) var<storage, read_write> y: array<vec4<f32>>;  // [N, C, POSITIONS]
@group(0) @binding(3) var<storage, read_write> moments: array<f32>;  // [N, GROUPS, 2]: mean, 1 / deviation

override GROUPS: u32; // 1 to C
override EPSILON: f32;

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * groups.x + group.x;
  if (row >= N * GROUPS) {
    return;
  }
  let size = C / GROUPS * POSITIONS;
  let first = row * (size / WIDTH);

  var sum = vec4<f32>();
  for (var k = lane; k < size / WIDTH; k += WORKGROUP) {
    sum += first_few_x(first + k);
  }
  let mean = row_sum(vec2<f32>(dot(sum, vec4<f32>(1.0)), 0.0), lane).x / f32(size);
  var square = vec4<f32>();
  for (var k = lane; k < size / WIDTH; k += WORKGROUP) {
    let d = few_x(first + k, mean);
    square = fma(d, d, square);
  }
  let variance = row_sum(vec2<f32>(dot(square, vec4<f32>(1.0)), 0.0), lane).x / f32(size);
  let inverse = 1.0 / sqrt(variance + EPSILON);

  let first_channel = (row % GROUPS) * (C / GROUPS);
  for (var k = lane; k < size / WIDTH; k += WORKGROUP) {
    let c = first_channel + k * WIDTH / POSITIONS;
    let scale = inverse * affine[c];
    let value = fma(few_x(first + k, mean), vec4<f32>(scale), vec4<f32>(affine[C + c]));
    if (WIDTH == 4u) {
      y[first + k] = value;
    } else {
      y[(first + k) / 4u][(first + k) % 4u] = value.x;
    }
  }
  if (lane == 0u) {
    moments[2u * row] = mean;
    moments[2u * row + 1u] = inverse;
  }
}
