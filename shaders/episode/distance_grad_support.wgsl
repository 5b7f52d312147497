// Gradient of the loss with respect to the support embeddings, through their prototypes.
//
//   grad_embedding[c*SHOT + s, d] = 1/SHOT * sum over q of grad_distance[q,c] * d distance[q,c] / d prototype[c,d]
//
// dispatch: WAY*WIDTH invocations, folded over x and y

@group(0) @binding(0) var<storage, read> embedding: array<f32>;             // [WAY*SHOT + QUERIES, WIDTH]
@group(0) @binding(1) var<storage, read> prototype: array<f32>;             // [WAY, WIDTH]
@group(0) @binding(2) var<storage, read> products: array<Products>;         // [QUERIES, WAY, 3]
@group(0) @binding(3) var<storage, read> grad_distance: array<f32>;         // [QUERIES, WAY]
@group(0) @binding(4) var<storage, read_write> grad_embedding: array<f32>;  // [WAY*SHOT + QUERIES, WIDTH]

override QUERIES: u32;
override WAY: u32;
override SHOT: u32;
override WIDTH: u32;
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= WAY * WIDTH) {
    return;
  }
  let c = k / WIDTH;
  let d = k % WIDTH;
  var sum = 0.0;
  for (var q = 0u; q < QUERIES; q++) {
    let v = products[q * WAY + c];
    // The distance is symmetric: swap the two to differentiate by the prototype.
    let swapped = Products(v.pp, v.qp, v.qq);
    let slope = metric_slope(swapped, prototype[k], embedding[(WAY * SHOT + q) * WIDTH + d]);
    sum = fma(grad_distance[q * WAY + c], slope, sum);
  }
  for (var s = 0u; s < SHOT; s++) {
    grad_embedding[(c * SHOT + s) * WIDTH + d] = sum / f32(SHOT);
  }
}
