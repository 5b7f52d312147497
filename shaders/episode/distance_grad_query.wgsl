// Gradient of the loss with respect to the query embeddings.
//
//   grad_embedding[SUPPORTS + q, d] = sum over c of grad_distance[q,c] * d distance[q,c] / d query[q,d]
//
// dispatch: QUERIES*WIDTH invocations, folded over x and y

@group(0) @binding(0) var<storage, read> embedding: array<f32>;             // [SUPPORTS + QUERIES, WIDTH]
@group(0) @binding(1) var<storage, read> prototype: array<f32>;             // [WAY, WIDTH]
@group(0) @binding(2) var<storage, read> products: array<Products>;         // [QUERIES, WAY, 3]
@group(0) @binding(3) var<storage, read> grad_distance: array<f32>;         // [QUERIES, WAY]
@group(0) @binding(4) var<storage, read_write> grad_embedding: array<f32>;  // [SUPPORTS + QUERIES, WIDTH]

override SUPPORTS: u32; // 0 or more
override QUERIES: u32;
override WAY: u32;
override WIDTH: u32;
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (k >= QUERIES * WIDTH) {
    return;
  }
  let q = k / WIDTH;
  let d = k % WIDTH;
  let at = SUPPORTS * WIDTH + k;
  var sum = 0.0;
  for (var c = 0u; c < WAY; c++) {
    let slope = metric_slope(products[q * WAY + c], embedding[at], prototype[c * WIDTH + d]);
    sum = fma(grad_distance[q * WAY + c], slope, sum);
  }
  grad_embedding[at] = sum;
}
