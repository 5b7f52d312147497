// Gradient of pool_forward with respect to its input. A maximum's gradient goes to the first place
// of its window that holds the maximum.
//
//   grad_x[r,ih,iw] = sum over the windows that hold (ih,iw) of grad_y * (1/area, or 1 where it is the maximum)
//
// dispatch: ROWS*IN_H*IN_W invocations, folded over x and y

@group(0) @binding(0) var<storage, read> x: array<f32>;             // [ROWS = N*C, IN_H, IN_W]
@group(0) @binding(1) var<storage, read> grad_y: array<f32>;        // [ROWS, OUT_H, OUT_W]
@group(0) @binding(2) var<storage, read_write> grad_x: array<f32>;  // [ROWS, IN_H, IN_W]

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

// Place within its window (kh * KERNEL_W + kw) of the first maximum.
fn first_maximum(first: u32) -> u32 {
  var best = x[first];
  var place = 0u;
  for (var kh = 0u; kh < KERNEL_H; kh++) {
    for (var kw = 0u; kw < KERNEL_W; kw++) {
      let value = x[first + kh * IN_W + kw];
      place = select(place, kh * KERNEL_W + kw, value > best);
      best = max(best, value);
    }
  }
  return place;
}

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= ROWS * IN_H * IN_W) {
    return;
  }
  let r = k / (IN_H * IN_W);
  let ih = (k / IN_W) % IN_H;
  let iw = k % IN_W;
  var sum = 0.0;
  for (var kh = 0u; kh < KERNEL_H; kh++) {
    for (var kw = 0u; kw < KERNEL_W; kw++) {
      let oh = i32(ih) - i32(kh);
      let ow = i32(iw) - i32(kw);
      if (oh >= 0 && ow >= 0 && u32(oh) % STRIDE_H == 0u && u32(ow) % STRIDE_W == 0u) {
        let h = u32(oh) / STRIDE_H;
        let w = u32(ow) / STRIDE_W;
        if (h < OUT_H && w < OUT_W) {
          let g = grad_y[(r * OUT_H + h) * OUT_W + w];
          if (KIND == 0u) {
            sum += g / f32(KERNEL_H * KERNEL_W);
          } else {
            let place = first_maximum((r * IN_H + u32(oh)) * IN_W + u32(ow));
            sum += select(0.0, g, place == kh * KERNEL_W + kw);
          }
        }
      }
    }
  }
  grad_x[k] = sum;
}
