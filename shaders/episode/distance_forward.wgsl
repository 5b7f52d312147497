// Distances of every query to every prototype, and the inner products that their gradients need.
//
//   METRIC 0: distance[q,c] = sum over d of (query[q,d] - prototype[c,d])^2
//   METRIC 1: distance[q,c] = 1 - cos(query[q], prototype[c])
//
// An invocation has TILE_C prototypes, which share what it loads of its query.
//
// dispatch: QUERIES*ceil(WAY/TILE_C) invocations, folded over x and y

@group(0) @binding(0) var<storage, read> embedding: array<vec4<f32>>;      // [SUPPORTS + QUERIES, LENGTH]
@group(0) @binding(1) var<storage, read> prototype: array<vec4<f32>>;      // [WAY, LENGTH]
@group(0) @binding(2) var<storage, read_write> distance_out: array<f32>;   // [QUERIES, WAY]
@group(0) @binding(3) var<storage, read_write> products: array<Products>;  // [QUERIES, WAY, 3]

const MAX_C = 4u;

override SUPPORTS: u32; // 0 or more
override QUERIES: u32;
override WAY: u32;
override LENGTH: u32; // of an embedding
override TILE_C: u32; // 1 to 4
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let k = (group.y * groups.x + group.x) * WORKGROUP + lane;
  let tiles = (WAY + TILE_C - 1u) / TILE_C;
  if (k >= QUERIES * tiles) {
    return;
  }
  let items = LENGTH / WIDTH;
  let query = (SUPPORTS + k / tiles) * items;
  let first = (k % tiles) * TILE_C;
  var row: array<u32, MAX_C>;
  var qq = vec4<f32>();
  var qp: array<vec4<f32>, MAX_C>;
  var pp: array<vec4<f32>, MAX_C>;
  var square: array<vec4<f32>, MAX_C>;
  for (var c = 0u; c < MAX_C; c++) {
    // Those that are too many are the last one again.
    row[c] = min(first + c, WAY - 1u) * items;
  }
  for (var d = 0u; d < items; d++) {
    let q = few(embedding[few_index(query + d)], query + d);
    qq = fma(q, q, qq);
    for (var c = 0u; c < MAX_C + IDLE_TURN; c++) {
      if (c < TILE_C) {
        let p = few(prototype[few_index(row[c] + d)], row[c] + d);
        qp[c] = fma(q, p, qp[c]);
        pp[c] = fma(p, p, pp[c]);
        square[c] = fma(q - p, q - p, square[c]);
      }
    }
  }
  for (var c = 0u; c < MAX_C + IDLE_TURN; c++) {
    if (c < TILE_C && first + c < WAY) {
      let v = Products(total(qq), total(qp[c]), total(pp[c]));
      let at = (k / tiles) * WAY + first + c;
      distance_out[at] = select(1.0 - cosine(v), total(square[c]), METRIC == 0u);
      products[at] = v;
    }
  }
}

fn total(sums: vec4<f32>) -> f32 {
  return dot(sums, vec4<f32>(1.0));
}
