// Distances of every query to every prototype, and the inner products that their gradients need.
//
//   METRIC 0: distance[q,c] = sum over d of (query[q,d] - prototype[c,d])^2
//   METRIC 1: distance[q,c] = 1 - cos(query[q], prototype[c])
//
// dispatch: QUERIES*WAY invocations, folded over x and y

@group(0) @binding(0) var<storage, read> embedding: array<f32>;            // [SUPPORTS + QUERIES, WIDTH]
@group(0) @binding(1) var<storage, read> prototype: array<f32>;            // [WAY, WIDTH]
@group(0) @binding(2) var<storage, read_write> distance_out: array<f32>;   // [QUERIES, WAY]
@group(0) @binding(3) var<storage, read_write> products: array<Products>;  // [QUERIES, WAY, 3]

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
  if (k >= QUERIES * WAY) {
    return;
  }
  let query = (SUPPORTS + k / WAY) * WIDTH;
  let row = (k % WAY) * WIDTH;
  var v = Products(0.0, 0.0, 0.0);
  var square = 0.0;
  for (var d = 0u; d < WIDTH; d++) {
    let q = embedding[query + d];
    let p = prototype[row + d];
    v.qq = fma(q, q, v.qq);
    v.qp = fma(q, p, v.qp);
    v.pp = fma(p, p, v.pp);
    square = fma(q - p, q - p, square);
  }
  distance_out[k] = select(1.0 - cosine(v), square, METRIC == 0u);
  products[k] = v;
}
