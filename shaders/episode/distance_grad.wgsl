// Gradient of the loss with respect to all embeddings: of the queries directly, of the supports through their prototypes.
//
//   grad_embedding[WAY*SHOT + q, d] = sum over c of grad_distance[q,c] * d distance[q,c] / d query[q,d]
//   grad_embedding[c*SHOT + s, d] = 1/SHOT * sum over q of grad_distance[q,c] * d distance[q,c] / d prototype[c,d]
//
// dispatch: (QUERIES + WAY)*WIDTH invocations, folded over x and y: those of the queries, then those of the prototypes

@group(0) @binding(0) var<storage, read> embedding: array<f32>;             // [CLIPS, WIDTH]: WAY*SHOT supports, then QUERIES
@group(0) @binding(1) var<storage, read> prototype: array<f32>;             // [WAY, WIDTH]
@group(0) @binding(2) var<storage, read> products: array<Products>;         // [QUERIES, WAY, 3]
@group(0) @binding(3) var<storage, read> grad_distance: array<f32>;         // [QUERIES, WAY]
@group(0) @binding(4) var<storage, read_write> grad_embedding: array<f32>;  // [CLIPS, WIDTH], as embedding

override CLIPS: u32; // WAY*SHOT + QUERIES
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
  let d = k % WIDTH;
  if (k < QUERIES * WIDTH) {
    let q = k / WIDTH;
    let at = (CLIPS - QUERIES) * WIDTH + k;
    var sum = 0.0;
    for (var c = 0u; c < WAY; c++) {
      let slope = metric_slope(products[q * WAY + c], embedding[at], prototype[c * WIDTH + d]);
      sum = fma(grad_distance[q * WAY + c], slope, sum);
    }
    grad_embedding[at] = sum;
    return;
  }
  let c = k / WIDTH - QUERIES;
  if (c >= WAY) {
    return;
  }
  var sum = 0.0;
  for (var q = 0u; q < QUERIES; q++) {
    let v = products[q * WAY + c];
    // The distance is symmetric: swap the two to differentiate by the prototype.
    let swapped = Products(v.pp, v.qp, v.qq);
    let slope = metric_slope(swapped, prototype[c * WIDTH + d], embedding[(WAY * SHOT + q) * WIDTH + d]);
    sum = fma(grad_distance[q * WAY + c], slope, sum);
  }
  for (var s = 0u; s < SHOT; s++) {
    grad_embedding[(c * SHOT + s) * WIDTH + d] = sum / f32(SHOT);
  }
}
