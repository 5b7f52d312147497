// A scale and a shift of each band: a standardisation with known moments, and with shifts of 0 its gradient.
//
//   y[r,h,w] = affine[0,h] * x[r,h,w] + affine[1,h]
//
// dispatch: SIZE = ROWS*BANDS*FRAMES invocations, folded over x and y

@group(0) @binding(0) var<storage, read> x: array<f32>;        // [SIZE = N*C*BANDS*FRAMES]
@group(0) @binding(1) var<storage, read> affine: array<f32>;   // [2, BANDS]: scale, shift
@group(0) @binding(2) var<storage, read_write> y: array<f32>;  // [SIZE]

override SIZE: u32;
override BANDS: u32;
override FRAMES: u32;
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= SIZE) {
    return;
  }
  let band = k / FRAMES % BANDS;
  y[k] = fma(affine[band], x[k], affine[BANDS + band]);
}
