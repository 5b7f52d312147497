// Gradients of group_norm_forward with respect to its input and its affine parameters, the latter in one partial sum an image.
//
//   grad_x = inverse * (g - mean(g) - normal * mean(g * normal))
//   with g = grad_y * affine[0,c], normal = (x - mean) * inverse, means over the group;
//   partial[n,c] = sum over p of grad_y[n,c,p] * normal,  partial[n,C+c] = sum over p of grad_y[n,c,p]
//
// With LAST grad_x has the channels innermost, and zeros for those that fill up C_OUT; its sums by channel follow from
// those of normal:
//
//   partial[n,BIAS+c] = sum over p of grad_x[n,c,p]
//
// grad_y is the sum of SPLITS parts, which is not there by itself. One workgroup takes one (n, group); LANES invocations share
// the sums of a channel.
//
// dispatch: N*GROUPS workgroups, folded over x and y

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;             // [N, C, POSITIONS]
@group(0) @binding(1) var<storage, read> affine: array<f32>;              // [2, C]
@group(0) @binding(2) var<storage, read> moments: array<f32>;             // [N, GROUPS, 2]
@group(0) @binding(3) var<storage, read> grad_y: array<vec4<f32>>;        // [SPLITS, N, C, POSITIONS]
@group(0) @binding(4) var<storage, read_write> grad_x: array<vec4<f32>>;  // [N, C_OUT, POSITIONS], with LAST [N, POSITIONS, C_OUT]
@group(0) @binding(5) var<storage, read_write> partial: array<f32>;       // [N, ROW]

override N: u32;
override C: u32;
override C_OUT: u32; // 1 or more: C, with LAST rounded up to a multiple of 4
override GROUPS: u32; // 1 to C; with LAST 1, or of a multiple of 4 channels
override POSITIONS: u32;
override SPLITS: u32;
override LAST: bool;
override BIAS: u32; // 0 to ROW: 2*C or more
override ROW: u32;

// Four elements of grad_y, or one.
fn slope(k: u32) -> vec4<f32> {
  var sum = vec4<f32>();
  for (var split = 0u; split < SPLITS; split++) {
    let at = split * (N * C * POSITIONS / WIDTH) + k;
    sum += few(grad_y[few_index(at)], at);
  }
  return sum;
}

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
  let channels = C / GROUPS;
  let first_channel = row % GROUPS * channels;
  let first = row / GROUPS * C + first_channel; // channel of all images
  let items = POSITIONS / WIDTH;
  let mean = moments[2u * row];
  let inverse = moments[2u * row + 1u];
  let sums = row / GROUPS * ROW + first_channel;
  let part = lane % LANES;

  var total = vec2<f32>();
  for (var c0 = 0u; c0 < channels; c0 += WORKGROUP / LANES) {
    let c = c0 + lane / LANES;
    let begin = (first + c) * items;
    let end = select(begin, begin + items, c < channels);
    var product = vec4<f32>();
    var sum = vec4<f32>();
    var of_normal = vec4<f32>();
    for (var k = begin + part; k < end; k += LANES) {
      let g = slope(k);
      let normal = few(x[few_index(k)] - mean, k) * inverse;
      product = fma(g, normal, product);
      sum += g;
      of_normal += normal;
    }
    workgroupBarrier(); // the last sums have been read
    let of_g = lane_sum(vec2<f32>(dot(product, vec4<f32>(1.0)), dot(sum, vec4<f32>(1.0))), lane, part, 1u);
    workgroupBarrier();
    let of_x = lane_sum(vec2<f32>(dot(of_normal, vec4<f32>(1.0)), 0.0), lane, part, 1u).x;
    if (c < channels && part == 0u) {
      partial[sums + c] = of_g.x;
      partial[sums + C + c] = of_g.y;
      if (LAST) {
        partial[sums + BIAS + c] = of_x;
      }
      total = fma(vec2<f32>(affine[first_channel + c]), of_g.yx, total);
    }
  }
  let means = row_sum(total, lane) / f32(channels * POSITIONS);

  if (!LAST) {
    for (var k = lane; k < channels * items; k += WORKGROUP) {
      let at = first * items + k;
      let g = slope(at) * affine[first_channel + k / items];
      let normal = few(x[few_index(at)] - mean, at) * inverse;
      let value = inverse * (g - means.x - normal * means.y);
      if (WIDTH == 4u) {
        grad_x[at] = value;
      } else {
        grad_x[at / 4u][at % 4u] = value.x;
      }
    }
    return;
  }
  // Each reads again what it has written.
  for (var c0 = 0u; c0 < channels; c0 += WORKGROUP / LANES) {
    let c = c0 + lane / LANES;
    if (c < channels && part == 0u) {
      let of_g = affine[first_channel + c] * partial[sums + C + c];
      let of_x = partial[sums + BIAS + c];
      partial[sums + BIAS + c] = inverse * (of_g - f32(POSITIONS) * means.x - means.y * of_x);
    }
  }
  for (var k = lane; k < (channels + 3u) / 4u * items; k += WORKGROUP) {
    let c4 = k / items;
    let p = k % items;
    var value: array<vec4<f32>, 4>;
    for (var q = 0u; q < 4u; q++) {
      let c = min(4u * c4 + q, channels - 1u);
      let at = (first + c) * items + p;
      let g = slope(at) * affine[first_channel + c];
      let normal = few(x[few_index(at)] - mean, at) * inverse;
      let found = inverse * (g - means.x - normal * means.y);
      value[q] = select(vec4<f32>(), found, 4u * c4 + q < channels);
    }
    for (var r = 0u; r < 4u; r++) {
      if (r < WIDTH) {
        let place = row / GROUPS * POSITIONS + p * WIDTH + r;
        grad_x[place * (C_OUT / 4u) + first_channel / 4u + c4] = vec4<f32>(value[0][r], value[1][r], value[2][r], value[3][r]);
      }
    }
  }
}
