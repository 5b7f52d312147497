// Pooling over windows that lie wholly inside the image. KIND 0 is the mean, 1 the maximum.
//
//   y[r,oh,ow] = mean or max over kh,kw of x[r, oh*STRIDE_H + kh, ow*STRIDE_W + kw]
//
// dispatch: ROWS*OUT_H*OUT_W invocations, folded over x and y

@group(0) @binding(0) var<storage, read> x: array<f32>;        // [ROWS = N*C, IN_H, IN_W]
@group(0) @binding(1) var<storage, read_write> y: array<f32>;  // [ROWS, OUT_H, OUT_W]

override ROWS: u32;
override IN_H: u32;
override IN_W: u32;
override OUT_H: u32;
override OUT_W: u32;
override KERNEL_H: u32; // 1 to IN_H
override KERNEL_W: u32; // 1 to IN_W
override STRIDE_H: u32;
override STRIDE_W: u32;
override KIND: u32; // 0 to 1
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= ROWS * OUT_H * OUT_W) {
    return;
  }
  let r = k / (OUT_H * OUT_W);
  let oh = (k / OUT_W) % OUT_H;
  let ow = k % OUT_W;
  let first = (r * IN_H + oh * STRIDE_H) * IN_W + ow * STRIDE_W;
  var result = select(0.0, x[first], KIND == 1u);
  for (var kh = 0u; kh < KERNEL_H; kh++) {
    for (var kw = 0u; kw < KERNEL_W; kw++) {
      let value = x[first + kh * IN_W + kw];
      result = select(result + value, max(result, value), KIND == 1u);
    }
  }
  y[k] = select(result / f32(KERNEL_H * KERNEL_W), result, KIND == 1u);
}
