// Softmax cross-entropy over minus the scaled distances, and its gradient.
//
//   p[q] = softmax over c of -SCALE * distance[q,c];  the true class of query q is q / QUERY
//   score[q] = (-ln p[q,true], 1 where the nearest prototype is the true one)
//   grad_distance[q,c] = SCALE * ([c is true] - p[q,c]) / (WAY*QUERY)
//
// dispatch: WAY*QUERY invocations, folded over x and y

@group(0) @binding(0) var<storage, read> distances: array<f32>;            // [WAY*QUERY, WAY]
@group(0) @binding(1) var<storage, read_write> score: array<vec2<f32>>;    // [WAY*QUERY, 2]
@group(0) @binding(2) var<storage, read_write> grad_distance: array<f32>;  // [WAY*QUERY, WAY]

override WAY: u32;
override QUERY: u32;
override SCALE: f32;
override WORKGROUP: u32; // 1 to 256

@compute @workgroup_size(WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let q = (group.y * groups.x + group.x) * WORKGROUP + lane;
  if (q >= WAY * QUERY) {
    return;
  }
  let label = q / QUERY;
  var nearest = 0u;
  var least = distances[q * WAY];
  for (var c = 1u; c < WAY; c++) {
    let d = distances[q * WAY + c];
    nearest = select(nearest, c, d < least);
    least = min(least, d);
  }
  var sum = 0.0;
  for (var c = 0u; c < WAY; c++) {
    sum += exp(SCALE * (least - distances[q * WAY + c]));
  }
  for (var c = 0u; c < WAY; c++) {
    let p = exp(SCALE * (least - distances[q * WAY + c])) / sum;
    grad_distance[q * WAY + c] = SCALE * (select(0.0, 1.0, c == label) - p) / f32(WAY * QUERY);
  }
  let loss = log(sum) + SCALE * (distances[q * WAY + label] - least);
  score[q] = vec2<f32>(loss, select(0.0, 1.0, nearest == label));
}
